//! Every way a command can fail, and the one place that maps them to exit codes.

use std::io;
use std::path::PathBuf;

use lockstep_collective::CollectiveError;
use lockstep_data::{DataError, LabelError, TokenizerError};
use lockstep_flags::{Fault, Faults};
use lockstep_host::ExitCode;
use lockstep_host::gpus::DriverError;
use lockstep_hub::HubError;
use lockstep_join::{JoinError, PlaceError, WorldError, of_collective};
use lockstep_model::ModelError;
use lockstep_params::TensorFileError;
use lockstep_trainer::{CheckpointError, NoTemperature, TrainError};
use thiserror::Error;

use crate::criterion::WeightsError;
use crate::remedies::Hinted;
use lockstep_world::counted;

/// Why a command failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// A command that does not exist.
    #[error("there is no command `{word}`; {}", instead(*.similar, known))]
    UnknownCommand {
        /// What was typed.
        word: String,
        /// The nearest command there is.
        similar: Option<&'static str>,
        /// The commands there are.
        known: Vec<&'static str>,
    },
    /// A faulty command line or configuration.
    #[error(transparent)]
    Configuration(#[from] Faults),
    /// Several things that were seen before the work began; there are at least two.
    #[error("{}", listed(.0))]
    Several(Vec<Failure>),
    /// A process group that cannot be joined, or a device that is missing.
    #[error("{}", .0.with_hint())]
    Join(#[from] JoinError),
    /// A model that cannot be found or downloaded.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// Data that cannot be used.
    #[error("{}", .0.with_hint())]
    Data(#[from] DataError),
    /// Examples to evaluate on that have no labels.
    #[error("{}\n  to classify texts without labels, use `trainer predict`", .0.with_hint())]
    Unlabelled(Box<DataError>),
    /// Weights of classes that the data do not have.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A model's tokenizer that cannot be read.
    #[error(transparent)]
    Tokenizer(TokenizerError),
    /// `--checkpoint` is not a directory.
    #[error(
        "{} is not a directory\n  \
         hint: --checkpoint takes the output directory of a finished run, or a checkpoint-<step> in it",
        path.display()
    )]
    NoCheckpoint {
        /// What was named.
        path: PathBuf,
    },
    /// A model whose class names are not distinct.
    #[error("{}: {fault}", directory.join("config.json").display())]
    Classes {
        /// The model's directory.
        directory: PathBuf,
        /// What is wrong with its classes.
        fault: LabelError,
    },
    /// A model that cannot be read, built or run.
    #[error("{}", .0.with_hint())]
    Model(#[from] ModelError),
    /// A checkpoint that cannot be read or written.
    #[error("{}", .0.with_hint())]
    Checkpoint(#[from] CheckpointError),
    /// A run that failed.
    #[error("{}", .0.with_hint())]
    Train(Box<TrainError>),
    /// A model whose scores are not numbers.
    #[error(
        "the model has no answer to any of {}: its scores are infinite or NaN, since its training \
         diverged or its file is damaged\n  hint: train it again, with a lower --learning-rate",
        counted(rows, "row")
    )]
    NoAnswer {
        /// How many rows there were.
        rows: u64,
    },
    /// Examples that a model cannot be calibrated on.
    #[error("{}: {cause}", data)]
    NoTemperature {
        /// What they are of.
        data: String,
        /// Why.
        cause: NoTemperature,
    },
    /// A file that cannot be written.
    #[error("{} cannot be written: {cause}\n  hint: {}", path.display(), instead_of_writing(cause))]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// A `metrics.jsonl` that cannot be read.
    #[error(
        "{}: {cause}\n  hint: leave this run out, or remove the line if it is damaged",
        path.display()
    )]
    Metrics {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong with it.
        cause: String,
    },
    /// Flight records that are not there, or cannot be read.
    #[error(
        "{}: {cause}\n  hint: pass the output directory of a run of several ranks, or a folder with the \
         files flight/rank-<N>.json of all its hosts",
        directory.display()
    )]
    Flight {
        /// The directory.
        directory: PathBuf,
        /// What is missing or wrong.
        cause: String,
        /// Whether there are files, which cannot be read.
        are_damaged: bool,
    },
    /// The standard output, which may be a pipe that was closed.
    #[error("the standard output cannot be written: {0}")]
    Output(io::Error),
    /// Signals.
    #[error("signal handlers cannot be installed: {0}")]
    Signals(io::Error),
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        Self::Train(Box::new(error))
    }
}

impl From<WorldError> for Failure {
    fn from(error: WorldError) -> Self {
        Self::Join(error.into())
    }
}

impl From<CollectiveError> for Failure {
    fn from(error: CollectiveError) -> Self {
        Self::Join(error.into())
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        Self::Join(error.into())
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::Join(error.into())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Configuration(fault.into())
    }
}

fn listed(failures: &[Failure]) -> String {
    failures.iter().map(Failure::to_string).collect::<Vec<_>>().join("\n")
}

fn instead_of_writing(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some disk space, or choose another directory"
        }
        io::ErrorKind::NotFound => "create its directory, or choose another one",
        io::ErrorKind::FileTooLarge => "raise the limit on the size of files (ulimit -f)",
        _ => "check its permissions, or choose another directory",
    }
}

fn instead(similar: Option<&str>, known: &[&str]) -> String {
    match similar {
        Some(command) => format!("did you mean `{command}`?"),
        None => format!(
            "valid: {}, or a configuration file that ends in .toml; see --help",
            known.join(", ")
        ),
    }
}

impl Failure {
    /// The exit code of this failure.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::UnknownCommand { .. } | Self::Configuration(_) | Self::Weights(_) => {
                ExitCode::Usage
            }
            Self::Several(failures) => {
                let codes: Vec<ExitCode> = failures.iter().map(Self::code).collect();
                codes.iter().copied().reduce(of_both).unwrap_or(ExitCode::Usage)
            }
            Self::Join(error) => error.code(),
            Self::Data(_) | Self::Unlabelled(_) => ExitCode::Data,
            Self::Metrics { .. } | Self::NoTemperature { .. } => ExitCode::Data,
            Self::Tokenizer(error) => of_tokenizer(error),
            Self::Hub(error) => error.code(),
            Self::NoCheckpoint { .. } | Self::Classes { .. } => ExitCode::Checkpoint,
            Self::Model(error) => of_model(error),
            Self::Checkpoint(error) => of_checkpoint(error),
            Self::Train(error) => of_run(error),
            Self::Flight { are_damaged: true, .. } => ExitCode::Data,
            Self::Flight { are_damaged: false, .. } => ExitCode::Usage,
            Self::Output(cause) => ExitCode::of_output(cause),
            Self::NoAnswer { .. } | Self::Write { .. } | Self::Signals(_) => ExitCode::Failed,
        }
    }
}

/// One code for two failures: that of both, else that of a faulty command line.
fn of_both(one: ExitCode, other: ExitCode) -> ExitCode {
    if one == other { one } else { ExitCode::Usage }
}

fn of_run(error: &TrainError) -> ExitCode {
    match error {
        TrainError::Data(_) => ExitCode::Data,
        TrainError::Model(error) => of_model(error),
        TrainError::Checkpoint(error) => of_checkpoint(error),
        TrainError::Collective(error) => of_collective(error),
        TrainError::Disagree { .. }
        | TrainError::TooManyRanks { .. }
        | TrainError::DeterministicOnGpu => ExitCode::Usage,
        TrainError::Stopped => ExitCode::Stopped,
        TrainError::Gpu(_) => ExitCode::Device,
        TrainError::Thread | TrainError::Engine | TrainError::Examples { .. } => ExitCode::Bug,
        TrainError::NotFinite { .. }
        | TrainError::NotNumbers { .. }
        | TrainError::Drifted { .. }
        | TrainError::Leader { .. }
        | TrainError::Optim(_)
        | TrainError::Machine(_)
        | TrainError::Unsupported(_)
        | TrainError::Tensor(_) => ExitCode::Failed,
    }
}

/// Faulty files have another code than failures of a model that was read.
fn of_model(error: &ModelError) -> ExitCode {
    match error {
        ModelError::Gradient(_) | ModelError::Tensor(_) | ModelError::Io { verb: "write", .. } => {
            ExitCode::Failed
        }
        ModelError::File(error) => of_file(error),
        _ => ExitCode::Checkpoint,
    }
}

fn of_checkpoint(error: &CheckpointError) -> ExitCode {
    match error {
        CheckpointError::Io { verb, .. } if *verb != "read" => ExitCode::Failed,
        CheckpointError::Model(error) => of_model(error),
        CheckpointError::Tensor(_) => ExitCode::Failed,
        CheckpointError::Thread => ExitCode::Bug,
        CheckpointError::Tokenizer(error) => of_tokenizer(error),
        CheckpointError::File(error) => of_file(error),
        _ => ExitCode::Checkpoint,
    }
}

/// What could not be written, because the disk is full for example, is not a fault of the file.
fn of_file(error: &TensorFileError) -> ExitCode {
    match error {
        TensorFileError::Io { verb: "write", .. } => ExitCode::Failed,
        _ => ExitCode::Checkpoint,
    }
}

fn of_tokenizer(error: &TokenizerError) -> ExitCode {
    match error {
        TokenizerError::Unwritable { .. } => ExitCode::Failed,
        _ => ExitCode::Checkpoint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_output_is_not_a_failure() {
        let check = |failure: Failure, expected| assert_eq!(failure.code(), expected, "{failure}");
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        check(Failure::Output(closed()), ExitCode::Done);
        check(Failure::Output(full()), ExitCode::Failed);
        check(Failure::Write { path: "x".into(), cause: closed() }, ExitCode::Failed);
    }

    #[test]
    fn a_place_that_deterministic_mode_refuses_is_a_faulty_command_line() {
        let check = |error: TrainError, hint: &str| {
            let failure = Failure::from(error);
            assert_eq!(failure.code(), ExitCode::Usage);
            assert!(failure.to_string().contains(hint), "{failure}");
        };
        let ranks = TrainError::TooManyRanks { ranks: 12, most: 8 };
        check(ranks, "but this run has 12\n  hint: start at most 8 ranks, or leave out --determ");
        check(TrainError::DeterministicOnGpu, "hint: pass --device cpu, or leave out --determ");
    }

    #[test]
    fn what_cannot_be_written_may_pass_and_what_cannot_be_read_may_not() {
        let check = |failure: Failure, expected| assert_eq!(failure.code(), expected, "{failure}");
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let path = || PathBuf::from("model.safetensors");
        for (verb, expected) in [("write", ExitCode::Failed), ("read", ExitCode::Checkpoint)] {
            let file = || TensorFileError::Io { verb, path: path(), cause: full() };
            let of_run = |error: CheckpointError| Failure::from(TrainError::Checkpoint(error));
            check(of_run(file().into()), expected);
            check(of_run(ModelError::File(file()).into()), expected);
            check(ModelError::Io { verb, path: path(), cause: full() }.into(), expected);
            check(of_run(CheckpointError::Io { verb, path: path(), cause: full() }), expected);
        }
        let (write, read) = (
            TokenizerError::Unwritable { path: path(), source: full() },
            TokenizerError::Unreadable { path: path(), source: full() },
        );
        check(TrainError::Checkpoint(write.into()).into(), ExitCode::Failed);
        check(Failure::Tokenizer(read), ExitCode::Checkpoint);
    }
}
