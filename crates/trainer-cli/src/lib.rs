//! The command line: from what a user types to a run, and from its end to an exit code.
//!
//! ```text
//! arguments, TOML ─ Written (as written) ─▶ RunPlan (as meant) ─▶ trainer ─▶ ExitCode
//! ```
//!
//! What both programs need at their edges is `lockstep-host`'s.

mod card;
mod checks;
mod classes;
mod commands;
mod criterion;
mod disk;
mod expected_time;
mod failure;
mod finished;
mod lock;
mod models;
mod observers;
mod output_dir;
mod refusal;
mod remedies;
mod replaced;
mod report;
mod set;
mod source_files;
mod sources;
mod tiny_tokenizer;
mod tokens;
mod whole_file;

use std::io;
use std::path::Path;

use lockstep_host::enter;

pub use commands::time_of_reports;
use failure::Failure;

/// The program `trainer`.
#[must_use]
pub fn trainer() -> std::process::ExitCode {
    enter(|process| commands::run(process, &mut io::stdout().lock()), Failure::code)
}

/// The program as clap has it, for its man page.
#[must_use]
pub fn as_clap() -> clap::Command {
    commands::program().clap()
}

/// Writes a text file, as a whole or not at all.
fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    whole_file::write(path, text.as_bytes())
        .map_err(|cause| Failure::Write { path: path.to_owned(), cause })
}
