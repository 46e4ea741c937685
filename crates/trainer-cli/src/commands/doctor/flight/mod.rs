//! `trainer doctor flight DIR`: which rank diverged or stood still, by the last calls of all ranks.

mod comparison;
mod files;
mod report;

use std::io::Write;
use std::path::Path;

use lockstep_flags::{Command, CommandLine, Entries, Fault, Problem, Words};
use lockstep_host::{ExitCode, Process};

use super::super::evaluate::JSON;
use crate::failure::Failure;
use comparison::Comparison;

static ENTRIES: &Entries = &[&JSON];

/// The command.
pub(in crate::commands) static COMMAND: Command = Command {
    name: "doctor flight",
    about: "Compare the last calls of a run's ranks",
    usage: "trainer doctor flight DIR [--json]",
    entries: || ENTRIES,
    words: Words::Directory("DIR"),
    after: || AFTER.to_owned(),
};

const AFTER: &str = "\
DIR is the output directory of a run, or a folder with the files rank-<N>.json. Each rank writes its
file when the run ends by an error or a lost rank, and on SIGUSR2. Where the hosts share no file
system, copy the files of all hosts into one folder.";

/// Runs the command.
///
/// # Errors
/// Records that are not there, or of which none can be read.
pub(in crate::commands) fn run(
    _: &Process,
    mut line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let directory = if line.words.is_empty() { None } else { Some(line.words.remove(0)) };
    let config = COMMAND.read(line, &[])?;
    let Some(directory) = directory else {
        let valid = "the output directory of a run".into();
        return Err(Fault { place: "DIR".to_owned(), problem: Problem::NoValue { valid } }.into());
    };
    let found = files::read(Path::new(&directory))?;
    let comparison = Comparison::of(found);
    let text = match config.get(&JSON)? {
        true => report::json(&comparison),
        false => report::text(&comparison),
    };
    super::super::tell(out, &text)
}
