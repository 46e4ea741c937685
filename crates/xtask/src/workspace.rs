//! Where the project lies, and how its programs are called from here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// The checkout this program was built from.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that holds this crate.
    pub(crate) fn here() -> Self {
        let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.pop();
        root.pop();
        Self { root }
    }

    /// The directory of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The cargo that started us, in the workspace's root.
    ///
    /// `cargo run` tells its child about the package it runs. Build scripts that watch those
    /// variables (ring's does) would see them change and be built again, so they are taken away.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = self.program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| text.starts_with(start)) {
                cargo.env_remove(&name);
            }
        }
        cargo
    }

    /// Any other program, in the workspace's root.
    pub(crate) fn program(&self, name: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut program = Command::new(name);
        program.current_dir(&self.root);
        program
    }
}

/// What is printed before a program runs, and when it cannot be run.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs a program on our own terminal until it succeeds or fails.
pub(crate) fn run(mut command: Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| not_started(&command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` failed ({status})", shown(&command))))
}

/// Runs a program and takes what it writes to its standard output.
pub(crate) fn output(mut command: Command) -> Result<String, Failure> {
    command.stderr(Stdio::inherit());
    let output = command.output().map_err(|error| not_started(&command, &error))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}` failed ({})", shown(&command), output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The failure of a program that could not even start.
pub(crate) fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot start `{}`: {error}", shown(command)))
}
