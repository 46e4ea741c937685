//! The configuration of a training run, in two stages.
//!
//! As written: TOML, then flags, then `--set` are put on one another as texts, each with its place
//! ([`Written`]). As meant: a typed, complete [`RunPlan`]. Between the two everything is judged,
//! and all faults are shown together.

mod class_weights;
mod contradiction;
mod inference;
mod key_list;
pub mod keys;
mod meaning;
mod plan;
mod record;
mod report_terms;
mod seeds;
mod series;
mod shared;
mod table_terms;
mod tables;
mod terms;

use std::path::Path;

use lockstep_flags::{CommandLine, Entries, Faults, Written, note_word, toml_file};

pub use class_weights::ClassWeights;
pub use meaning::{dialect, sample};
pub use plan::{
    BatchSize, DataPlan, Existing, Mismatch, ModelPlan, OptimPlan, OutputPlan, Reading, RunPlan,
    Settled, TrainPlan,
};
pub use record::{Record, is_record, is_record_of, is_unfinished_record, plan_toml, run_toml};
pub use report_terms::Reporter;
pub use seeds::{Seeds, seed_folder, seed_of_folder};
pub use shared::{deciding, shared};
pub use terms::{
    DATA_SOURCE, DataSource, HubSplit, ModelName, NonFinite, Resume, Strategy, TokenPlace,
};

/// The quick start, which a bare `trainer` runs: built in, so that it works in any directory.
const QUICK_START: &str = include_str!("../../../configs/quickstart.toml");
const QUICK_START_PATH: &str = "configs/quickstart.toml";

/// The plan of a configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub fn plan_of(config: Written) -> Result<RunPlan, Faults> {
    Ok(RunPlan::of(&config.without_faults()?)?)
}

/// The configuration a command line of `train` and `plan` stands for, with its faults. `entries` are
/// [`keys::ALL`] and what the command has besides.
#[must_use]
pub fn run_config(line: CommandLine, entries: &'static Entries) -> Written {
    let mut config = Written::of(entries);
    let name = read_base(&mut config, &line);
    line.apply(&mut config);
    contradiction::settle(&mut config);
    inference::infer(&mut config, &name);
    config
}

/// Puts the lowest layer into `config` and says what to call the run.
fn read_base(config: &mut Written, line: &CommandLine) -> String {
    for word in line.words.iter().skip(1) {
        note_word(config, word, "one configuration file is enough");
    }
    if let Some(path) = line.words.first() {
        toml_file::read_file(config, Path::new(path));
        return stem(path);
    }
    if line.names(&keys::MODEL) || line.names(&keys::TRAIN_FILE) {
        return String::new();
    }
    toml_file::read(config, Path::new(QUICK_START_PATH), QUICK_START);
    stem(QUICK_START_PATH)
}

fn stem(path: &str) -> String {
    let stem = Path::new(path).file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
