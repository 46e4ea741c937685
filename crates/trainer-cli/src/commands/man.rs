//! `trainer man`: the manual page of the program, as `man` reads it.

use std::io::Write;

use lockstep_flags::{Command, CommandLine, ManPage, Words};
use lockstep_host::{ExitCode, Process};

use crate::failure::Failure;

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
    let page = ManPage::of(super::program().clap()).map_err(Failure::Output)?;
    super::tell(out, &String::from_utf8_lossy(&page.text))
}
