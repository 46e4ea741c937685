//! Malformed input of every kind, what the program says to each, and the code it ends with.
//!
//! Each group is a table of cases and a snapshot that can be read in one sitting. A message has to
//! say to a tired reader what is wrong, where, why, and what to do. `UPDATE_EXPECT=1` rewrites the
//! snapshots; read what changed.

mod archive;
mod case;
mod checkpoint;
mod command_line;
mod config;
mod damage;
mod data;
mod data_files;
mod files;
mod hub;
mod model;
mod pickle;
mod predict;
mod pytorch_file;
mod tensor_files;
mod tokenizer;
mod transcript;

use expect_test::expect_file;
use transcript::check;

#[test]
fn data_that_cannot_be_used() {
    check(data::cases(), expect_file!["snapshots/data.txt"]);
}

#[test]
fn data_files_that_cannot_be_read() {
    check(data_files::cases(), expect_file!["snapshots/data_files.txt"]);
}

#[test]
fn configurations_with_faults() {
    check(config::cases(), expect_file!["snapshots/config.txt"]);
}

#[test]
fn command_lines_with_faults() {
    check(command_line::cases(), expect_file!["snapshots/command_line.txt"]);
}

#[test]
fn models_that_cannot_be_read() {
    check(model::cases(), expect_file!["snapshots/model.txt"]);
}

#[test]
fn hubs_that_refuse_or_are_not_there() {
    check(hub::cases(), expect_file!["snapshots/hub.txt"]);
}

#[test]
fn pytorch_files_that_cannot_be_read() {
    check(pytorch_file::cases(), expect_file!["snapshots/pytorch_file.txt"]);
}

#[test]
fn tokenizers_that_cannot_be_read() {
    check(tokenizer::cases(), expect_file!["snapshots/tokenizer.txt"]);
}

#[test]
fn checkpoints_that_cannot_be_gone_on_from() {
    check(checkpoint::cases(), expect_file!["snapshots/checkpoint.txt"]);
}

#[test]
fn finished_models_and_texts_that_cannot_be_used() {
    check(predict::cases(), expect_file!["snapshots/predict.txt"]);
}
