//! Every way a command can fail, and the one place that maps them to exit codes.

use std::error::Error as _;
use std::io::{self, Write};
use std::path::PathBuf;

use thiserror::Error;

use crate::config::Faults;
use crate::device::DeviceError;
use crate::exit::ExitCode;
use crate::hub::HubError;
use crate::process::Environment;

/// Why a command failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// A command that does not exist.
    #[error("there is no command `{word}`; {}", instead(*.similar))]
    UnknownCommand {
        /// What was typed.
        word: String,
        /// The nearest command there is.
        similar: Option<&'static str>,
    },
    /// A faulty command line or configuration.
    #[error(transparent)]
    Configuration(#[from] Faults),
    /// A device or a library this build or machine lacks.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A model that cannot be had.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A file that cannot be written.
    #[error("{} cannot be written: {cause}; free some space, or choose another place", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// The standard output, which may be a pipe that was closed.
    #[error("the standard output cannot be written: {0}")]
    Output(io::Error),
    /// The trainer beside the launcher.
    #[error("{} cannot be started: {cause}; the launcher needs the trainer in its own directory", path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// Signals.
    #[error("signals cannot be caught: {0}")]
    Signals(io::Error),
}

/// The commands there are.
pub(crate) const COMMANDS: [&str; 4] = ["train", "evaluate", "predict", "plan"];

fn instead(similar: Option<&'static str>) -> String {
    match similar {
        Some(command) => format!("did you mean `{command}`?"),
        None => format!(
            "there are {}; a configuration file to train from ends in .toml; see --help",
            COMMANDS.join(", ")
        ),
    }
}

impl Failure {
    /// The exit code of this failure.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::UnknownCommand { .. } | Self::Configuration(_) => ExitCode::Usage,
            Self::Device(_) => ExitCode::Device,
            Self::Hub(_) => ExitCode::Checkpoint,
            Self::Output(cause) if is_broken_pipe(cause) => ExitCode::Done,
            Self::Write { .. } | Self::Output(_) | Self::Start { .. } | Self::Signals(_) => {
                ExitCode::Failed
            }
        }
    }

    /// Tells the user on the standard error, and gives the exit code. Whoever closes our standard
    /// output has seen enough, and is told nothing.
    pub(crate) fn report(&self, environment: &Environment) -> ExitCode {
        let code = self.code();
        if code != ExitCode::Done {
            let (bold, plain) =
                if environment.colours_errors() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
            let mut text = format!("{bold}error:{plain} {self}");
            let mut cause = self.source();
            while let Some(error) = cause {
                text.push_str(&format!("\n  because {error}"));
                cause = error.source();
            }
            let _ = writeln!(io::stderr(), "{text}");
        }
        code
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}
