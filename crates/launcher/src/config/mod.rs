//! The configuration of a training run, in two stages.
//!
//! As written: TOML, then flags, then `--set` are put on one another as texts, each with its place
//! ([`RunConfig`]). As meant: a typed, complete [`RunPlan`]. Between the two everything is judged,
//! and all faults are shown together.

mod command_line;
mod contradiction;
mod fault;
mod help;
mod inference;
mod key;
pub(crate) mod keys;
mod kind;
mod limits;
mod meaning;
mod plan;
mod record;
mod suggestion;
mod terms;
mod toml_file;
mod written;

use std::path::Path;

use command_line::CommandLine;
pub(crate) use fault::{Fault, Faults, Problem};
pub(crate) use help::list;
pub(crate) use key::{Entries, Entry, Key, Table};
pub(crate) use kind::{DIRECTORY, FILE, Form, Kind, SWITCH};
pub(crate) use limits::not_yet;
pub(crate) use plan::{DataPlan, Existing, Mismatch, ModelPlan, OutputPlan, Reading, RunPlan};
pub(crate) use record::{Record, is_record, run_toml};
pub(crate) use suggestion::nearest;
pub(crate) use terms::{DATA_SOURCE, DataSource, DeviceChoice, ModelName, Precision, Reporter};
pub(crate) use written::RunConfig;

/// The quick start, which a bare `trainer` runs: built in, so that it works in any directory.
const QUICK_START: &str = include_str!("../../../../configs/quickstart.toml");
const QUICK_START_PATH: &str = "configs/quickstart.toml";

/// The plan a command line of `train` and `plan` stands for.
///
/// # Errors
/// Everything that is wrong with the command line and the file it names.
#[cfg(test)]
pub(crate) fn run_plan(arguments: &[String]) -> Result<RunPlan, Faults> {
    plan_of(run_config(arguments))
}

/// The plan of a configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn plan_of(config: RunConfig) -> Result<RunPlan, Faults> {
    Ok(RunPlan::of(&config.without_faults()?)?)
}

/// The configuration a command line of `train` and `plan` stands for, with its faults.
pub(crate) fn run_config(arguments: &[String]) -> RunConfig {
    let mut config = RunConfig::of(keys::ALL);
    let line = CommandLine::split(arguments, &config);
    let name = read_base(&mut config, &line);
    line.apply(&mut config);
    contradiction::settle(&mut config);
    limits::note_limits(&mut config);
    inference::infer(&mut config, &name);
    config
}

/// The flags of a command without a configuration file: which of them it cannot do without, and what
/// is said to words that are no flags.
///
/// # Errors
/// Everything that is wrong with them.
pub(crate) fn flags(
    arguments: &[String],
    entries: &'static Entries,
    (required, expected): (&[&dyn Entry], &'static str),
) -> Result<RunConfig, Faults> {
    let mut config = RunConfig::of(entries);
    let line = CommandLine::split(arguments, &config);
    note_words(&mut config, line.words.iter(), expected);
    line.apply(&mut config);
    for entry in required {
        config.require(*entry);
    }
    config.without_faults()
}

/// Puts the lowest layer into `config` and says what to call the run.
fn read_base(config: &mut RunConfig, line: &CommandLine) -> String {
    let file = line.words.iter().position(|word| !is_dashed(word));
    let others = line.words.iter().enumerate().filter(|(place, _)| Some(*place) != file);
    note_words(config, others.map(|(_, word)| word), "one configuration file is enough");
    if let Some(path) = file.and_then(|place| line.words.get(place)) {
        toml_file::read_file(config, Path::new(path));
        return stem(path);
    }
    if line.names(&keys::MODEL) || line.names(&keys::TRAIN_FILE) {
        return String::new();
    }
    toml_file::read(config, Path::new(QUICK_START_PATH), QUICK_START);
    stem(QUICK_START_PATH)
}

/// Notes words that are too many; one that begins with a dash was meant as a flag.
fn note_words<'a>(
    config: &mut RunConfig,
    words: impl Iterator<Item = &'a String>,
    expected: &'static str,
) {
    for word in words {
        let problem = if is_dashed(word) {
            let name = word.trim_start_matches('-').replace('-', "_");
            let similar = nearest(&name, config.entries().iter().map(|entry| entry.name()));
            Problem::UnknownFlag { similar }
        } else {
            Problem::Unexpected { expected }
        };
        config.note(word.escape_debug().to_string(), problem);
    }
}

fn is_dashed(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

fn stem(path: &str) -> String {
    let stem = Path::new(path).file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
