//! Why a checkpoint could not be read or written.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use lockstep_data::TokenizerError;
use lockstep_model::ModelError;
use lockstep_params::TensorFileError;

use crate::identity::Difference;

/// Everything that can go wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("cannot {verb} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The directory is not a checkpoint as it was written.
    #[error("{} is not an intact checkpoint: {cause}", directory.display())]
    Incomplete {
        /// The checkpoint.
        directory: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A model's files are not those that were written.
    #[error("{} does not hold the model that was written: {cause}", directory.display())]
    Altered {
        /// The model's directory.
        directory: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Weights or moments are not numbers; nothing was written.
    #[error("after update {update} the tensor `{tensor}` has infinite or NaN values")]
    NotNumbers {
        /// The update, from 1.
        update: u64,
        /// The first such tensor.
        tensor: String,
    },
    /// The thread that writes checkpoints panicked.
    #[error("the thread that writes checkpoints panicked; this is a bug, please report it")]
    Thread,
    /// A JSON file beside the weights is damaged.
    #[error(
        "{} is damaged ({cause}); copy it from the run that wrote the model, or remove it",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        cause: serde_json::Error,
    },
    /// The temperature beside the weights is damaged.
    #[error("{} is damaged ({cause})", path.display())]
    DamagedCalibration {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        cause: serde_json::Error,
    },
    /// The temperature beside the weights was fitted to others.
    #[error("{} was fitted to other weights than this model has", path.display())]
    OtherWeights {
        /// The file.
        path: PathBuf,
    },
    /// All checkpoints of a run are broken.
    #[error(
        "none of the checkpoints in {} is intact:\n{}",
        directory.display(), broken(causes)
    )]
    NoneWhole {
        /// The run's output directory.
        directory: PathBuf,
        /// Each of them, and what is wrong with it.
        causes: Vec<(PathBuf, String)>,
    },
    /// The checkpoint is that of another run.
    #[error(
        "{} belongs to another run:\n{}",
        directory.display(), listed(differences)
    )]
    OtherRun {
        /// The checkpoint.
        directory: PathBuf,
        /// What differs.
        differences: Vec<Difference>,
    },
    /// The model could not be written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The tokenizer could not be written.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A tensor file is unreadable or could not be written.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// What a user can do about a run that ended early, where that is a setting of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunRemedy {
    /// Lower the learning rates or lengthen the warm-up, and start again.
    LowerRates,
    /// Check the model and the precision: no rate took part in the first loss.
    CheckModel,
    /// Make room on the disk, then resume.
    MakeRoom,
    /// Start at most so many ranks, or leave out deterministic mode.
    StartFewerRanks {
        /// As many as there are shards.
        most: usize,
    },
    /// Compute on the CPU, or leave out deterministic mode.
    ComputeOnCpu,
    /// Resume from the newest checkpoint, without the machines of the ranks that differ.
    ResumeWithoutMachines,
    /// Resume from a checkpoint, perhaps with lower rates in a run of their own.
    ResumeBefore,
    /// Resume from another checkpoint, or remove this one.
    ResumeFromAnother,
    /// Use another model, or remove the manifest, where the files were changed on purpose.
    UseAnother,
    /// Remove the checkpoints, or start again.
    StartAgain,
    /// Calibrate the model again, or remove this file.
    CalibrateAgain {
        /// The file.
        path: PathBuf,
    },
    /// Resume with the configuration of the checkpoint, or start again elsewhere.
    ResumeAsStarted {
        /// The model to train further, where only the length of the run differs.
        longer: Option<PathBuf>,
    },
}

impl CheckpointError {
    /// What a user can do, where the message does not say it.
    #[must_use]
    pub fn remedy(&self) -> Option<RunRemedy> {
        match self {
            Self::Incomplete { .. } => Some(RunRemedy::ResumeFromAnother),
            Self::Altered { .. } => Some(RunRemedy::UseAnother),
            Self::NoneWhole { .. } => Some(RunRemedy::StartAgain),
            Self::DamagedCalibration { path, .. } | Self::OtherWeights { path } => {
                Some(RunRemedy::CalibrateAgain { path: path.clone() })
            }
            Self::OtherRun { directory, differences } => {
                Some(RunRemedy::ResumeAsStarted { longer: longer(directory, differences) })
            }
            full if full.is_full() => Some(RunRemedy::MakeRoom),
            _ => None,
        }
    }

    /// Whether there was no room on the disk, or none within a quota.
    pub(crate) fn is_full(&self) -> bool {
        let cause = match self {
            Self::Io { cause, .. }
            | Self::File(TensorFileError::Io { cause, .. })
            | Self::Model(
                ModelError::Io { cause, .. } | ModelError::File(TensorFileError::Io { cause, .. }),
            )
            | Self::Tokenizer(TokenizerError::Unwritable { source: cause, .. }) => cause,
            _ => return false,
        };
        matches!(cause.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    }
}

fn broken(causes: &[(PathBuf, String)]) -> String {
    let line = |(path, cause): &(PathBuf, String)| format!("  - {}: {cause}", path.display());
    causes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The model of a finished run, where only the length of the run differs: that decides the rates of
/// all updates, so a resume cannot change it, and the user may want to train the model further.
fn longer(directory: &Path, differences: &[Difference]) -> Option<PathBuf> {
    let about_length = ["total_updates", "warmup_steps"];
    if differences.iter().any(|difference| !about_length.contains(&difference.name.as_str())) {
        return None;
    }
    let run = directory.parent().filter(|run| run.join("model.safetensors").exists());
    Some(run.unwrap_or(directory).to_owned())
}

fn listed(differences: &[Difference]) -> String {
    let line = |Difference { name, here, there }: &Difference| {
        format!("  - {name}: now {here}, in the checkpoint {there}")
    };
    differences.iter().map(line).collect::<Vec<_>>().join("\n")
}
