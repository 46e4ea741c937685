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
    /// The directory is not a whole checkpoint.
    #[error(
        "{} is no whole checkpoint: {cause}; go on from another one with --resume DIR, \
         or remove it",
        directory.display()
    )]
    Incomplete {
        /// The checkpoint.
        directory: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A file beside the weights is no JSON of ours.
    #[error(
        "{} cannot be understood ({cause}); it is damaged: take it from the run that wrote the \
         model, or remove it",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        cause: serde_json::Error,
    },
    /// All checkpoints of a run are broken.
    #[error(
        "none of the checkpoints in {} is whole:\n{}\nremove them, or start anew with \
         --resume never --overwrite-output-dir",
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
        "{} belongs to another run:\n{}\nresume with the configuration and the data it was \
         started with, or start anew with --resume never and another --output-dir{}",
        directory.display(), listed(differences), further(directory, differences)
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

impl CheckpointError {
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

/// How to train on behind a run's end, where the wish seems to be that: its length decides the rates
/// of all of its updates, so it cannot be changed on the way.
fn further(directory: &Path, differences: &[Difference]) -> String {
    let about_length = ["total_updates", "warmup_steps"];
    if differences.iter().any(|difference| !about_length.contains(&difference.name.as_str())) {
        return String::new();
    }
    let run = directory.parent().filter(|run| run.join("model.safetensors").exists());
    format!(
        "\nthe length of a run decides its learning rates from the first update on; to train its \
         model further instead, pass --model {} and another --output-dir, without --resume",
        run.unwrap_or(directory).display()
    )
}

fn listed(differences: &[Difference]) -> String {
    let line = |Difference { name, here, there }: &Difference| {
        format!("  - {name}: {here} now, {there} there")
    };
    differences.iter().map(line).collect::<Vec<_>>().join("\n")
}
