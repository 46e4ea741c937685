//! The command line: from what a user types to a run, and from its end to an exit code.
//!
//! ```text
//! arguments, TOML ─ Written (as written) ─▶ RunPlan (as meant) ─▶ trainer ─▶ ExitCode
//! ```
//!
//! It is the only crate that reads the environment, prints, and catches signals.

mod card;
mod commands;
mod failure;
mod finished;
mod lock;
mod models;
mod observers;
mod output_dir;
mod sources;
mod supervisor;

use std::io;
use std::path::Path;

use lockstep_host::enter;

use failure::Failure;

/// The program `trainer`.
#[must_use]
pub fn trainer() -> std::process::ExitCode {
    enter(|process| commands::run(process, &mut io::stdout().lock()), Failure::code)
}

/// The program `launcher`.
#[must_use]
pub fn launcher() -> std::process::ExitCode {
    enter(|process| supervisor::launch(process, &mut io::stdout().lock()), Failure::code)
}

/// Writes a text file.
fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|cause| Failure::Write { path: path.to_owned(), cause })
}
