//! The command line: from what a user types to a run, and from its end to an exit code.
//!
//! ```text
//! arguments, TOML ─ RunConfig (as written) ─▶ RunPlan (as meant) ─▶ trainer ─▶ ExitCode
//! ```
//!
//! It is the only crate that reads the environment, prints, and catches signals.

mod bug_report;
mod card;
mod commands;
mod config;
mod device;
mod exit;
mod failure;
mod finished;
mod gpus;
mod hub;
mod lock;
mod models;
mod mpirun;
mod observers;
mod output_dir;
mod process;
mod shell;
mod signals;
mod sources;
mod streams;
mod supervisor;
mod warnings;
mod world;

use std::io;
use std::path::Path;

pub use exit::ExitCode;
use failure::Failure;
use process::Process;

/// The program `trainer`.
#[must_use]
pub fn trainer() -> std::process::ExitCode {
    enter(|process| commands::run(process, &mut io::stdout().lock()))
}

/// The program `launcher`.
#[must_use]
pub fn launcher() -> std::process::ExitCode {
    enter(|process| supervisor::launch(process, &mut io::stdout().lock()))
}

/// Writes a text file.
fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|cause| Failure::Write { path: path.to_owned(), cause })
}

fn enter<C: Into<std::process::ExitCode>>(
    program: impl Fn(&Process) -> Result<C, Failure>,
) -> std::process::ExitCode {
    bug_report::install();
    let process = Process::current();
    warnings::show(&process.environment);
    match program(&process) {
        Ok(code) => code.into(),
        Err(failure) => failure.report(&process.environment).into(),
    }
}
