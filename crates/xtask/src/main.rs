//! The project's own chores, run as `cargo xtask NAME`.
//!
//! They are a program of the workspace and not shell scripts, so that they need nothing but Rust,
//! are tested like the rest, and say the same on a laptop and in continuous integration.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for terminals")]

mod arrows;
mod ci;
mod errors;
mod failure;
mod fuzz;
mod golden;
mod scripts;
mod tally;
mod tidy;
mod workspace;

use std::env;
use std::process::ExitCode;

use failure::Failure;
use workspace::Workspace;

/// A chore: its name, what it does in one line, and how.
struct Chore {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, &[String]) -> Result<(), Failure>,
}

const CHORES: [Chore; 9] = [
    Chore { name: "ci", about: "every check of the project, in one go", run: ci::run },
    Chore { name: "tidy", about: "checks the style that no compiler checks", run: tidy::run },
    Chore { name: "arrows", about: "checks which crate depends on which", run: arrows::run },
    Chore {
        name: "errors",
        about: "makes docs/errors.md from the snapshots of the messages",
        run: errors::run,
    },
    Chore {
        name: "golden",
        about: "makes the tests' golden values with PyTorch",
        run: golden::run,
    },
    Chore {
        name: "fuzz",
        about: "gives made-up inputs to the parsers, for 10 minutes each",
        run: fuzz::run,
    },
    Chore { name: "man", about: "writes the man pages to a directory", run: man },
    Chore { name: "cuda", about: "builds, or checks, the code for GPUs", run: scripts::cuda },
    Chore { name: "gpu", about: "checks and times a CUDA build on a GPU", run: scripts::gpu },
];

/// The exit code for a wrong command line, as the project's other programs have it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let Some((name, rest)) = words.split_first() else {
        eprint!("{}", usage());
        return ExitCode::from(USAGE);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(chore) = CHORES.iter().find(|chore| chore.name == name) else {
        eprint!("xtask: there is no chore `{name}`\n\n{}", usage());
        return ExitCode::from(USAGE);
    };
    match (chore.run)(&Workspace::here(), rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {name}: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the man pages of the programs to a directory.
fn man(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let [directory] = arguments else {
        return Err(Failure::new("name the directory: cargo xtask man DIR".to_owned()));
    };
    let directory = env::current_dir().unwrap_or_default().join(directory);
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--release", "--quiet", "--example", "man", "--"]).arg(directory);
    workspace::run(cargo)
}

fn usage() -> String {
    let lines = CHORES.iter().map(|chore| format!("  {:<8} {}\n", chore.name, chore.about));
    format!("usage: cargo xtask <chore>\n\n{}", lines.collect::<String>())
}
