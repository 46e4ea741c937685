//! Manual pages, as `man` reads them.

use std::io;

use clap_mangen::Man;

/// The day of the version that the pages describe.
const DATE: &str = "2026-11-28";

/// A manual page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManPage {
    /// The name of its file, such as `trainer-evaluate.1`.
    pub file: String,
    /// The page in roff.
    pub text: Vec<u8>,
}

impl ManPage {
    /// That of a program or a command.
    ///
    /// # Errors
    /// None that is known: the page is written to memory.
    pub fn of(command: clap::Command) -> io::Result<Self> {
        let man = Man::new(command).date(DATE);
        let mut text = Vec::new();
        man.render(&mut text)?;
        Ok(Self { file: man.get_filename(), text })
    }

    /// Those of a program and of its commands, the program's first.
    ///
    /// # Errors
    /// As of [`Self::of`].
    pub fn all(mut program: clap::Command) -> io::Result<Vec<Self>> {
        program.build();
        let commands: Vec<_> = program.get_subcommands().cloned().collect();
        std::iter::once(program).chain(commands).map(Self::of).collect()
    }
}
