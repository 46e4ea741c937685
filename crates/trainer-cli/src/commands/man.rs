//! `trainer man`: the manual page of the program, as `man` reads it.

use std::io::Write;

use clap_mangen::Man;
use lockstep_flags::{Command, CommandLine, Words};
use lockstep_host::{ExitCode, Process};

use crate::failure::Failure;

/// The day of the version that the page describes.
const DATE: &str = "2026-11-28";

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "man",
    about: "Print the manual page",
    usage: "trainer man",
    entries: || &[],
    words: Words::None("man takes no arguments"),
    after: || AFTER.to_owned(),
};

const AFTER: &str = "\
examples:
  trainer man | man -l -                         read it here
  trainer man > ~/.local/share/man/man1/trainer.1";

/// Runs the command.
///
/// # Errors
/// An argument, and an output that cannot be written.
pub(super) fn run(
    _: &Process,
    line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    COMMAND.read(line, &[])?;
    let mut page = Vec::new();
    let program = super::program().clap();
    Man::new(program).date(DATE).render(&mut page).map_err(Failure::Output)?;
    super::tell(out, &String::from_utf8_lossy(&page))
}
