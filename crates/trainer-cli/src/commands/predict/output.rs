//! Where answers go, and in which format.

use std::path::{Path, PathBuf};

use lockstep_flags::{Fault, Problem, Written};

use super::format::Format;
use super::input::Texts;
use super::{FORMAT, INPUT, OUTPUT};
use crate::failure::Failure;

/// Whether the answers leave the texts alone.
///
/// # Errors
/// An output that is one of the files with texts, which would be lost.
pub(super) fn keep_input(config: &Written, output: &Path, texts: &Texts) -> Result<(), Failure> {
    let Texts::Files(files, _) = texts else { return Ok(()) };
    let real = |path: &Path| path.canonicalize().ok().filter(|path| path.is_file());
    let output = real(output);
    let is_output = |path: &PathBuf| real(path) == output;
    if output.is_none() || !files.files.iter().any(is_output) {
        return Ok(());
    }
    let (place, other) = (config.place(&OUTPUT), config.place(&INPUT));
    let remedy = "the answers would replace the texts; name another file";
    Err(Fault { place, problem: Problem::Contradiction { other, remedy } }.into())
}

/// How the answers are written.
///
/// # Errors
/// A name of the output that promises what is not written.
pub(super) fn format(config: &Written, output: &Path, is_typed: bool) -> Result<Format, Fault> {
    if let Some(format) = config.find(&FORMAT) {
        return Ok(format);
    }
    let extension = output.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        "jsonl" | "ndjson" => Ok(Format::Jsonl),
        "csv" => Ok(Format::Csv),
        "tsv" => Ok(Format::Tsv),
        "json" | "parquet" | "arrow" | "xlsx" | "gz" | "zst" => {
            let remedy =
                "answers are written as tsv, csv or jsonl: name the file so, or give --format";
            let other = "the format of the answers".to_owned();
            Err(Fault {
                place: config.place(&OUTPUT),
                problem: Problem::Contradiction { other, remedy },
            })
        }
        _ if is_typed => Ok(Format::Text),
        _ => Ok(Format::Tsv),
    }
}
