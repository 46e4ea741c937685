//! Why a checkpoint could not be read or written.

use std::path::PathBuf;

use lockstep_data::TokenizerError;
use lockstep_model::ModelError;
use lockstep_optim::OptimError;
use lockstep_params::{ParameterError, TensorFileError};

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
    /// All checkpoints of a run are broken.
    #[error(
        "none of the checkpoints in {} is whole:\n{}\nremove them, or start anew with \
         --resume never --overwrite-output-dir",
        directory.display(), causes.join("\n")
    )]
    NoneWhole {
        /// The run's output directory.
        directory: PathBuf,
        /// One sentence a checkpoint.
        causes: Vec<String>,
    },
    /// The checkpoint is that of another run.
    #[error(
        "{} belongs to another run:\n{}\nresume with the configuration and the data it was \
         started with, or start anew with --resume never and another --output-dir",
        directory.display(), listed(differences)
    )]
    OtherRun {
        /// The checkpoint.
        directory: PathBuf,
        /// Name, value now, value there.
        differences: Vec<(String, String, String)>,
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
    /// The weights do not fit the model.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The moments do not fit the model.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

fn listed(differences: &[(String, String, String)]) -> String {
    let line = |(name, here, there): &(String, String, String)| {
        format!("  - {name} is {here} now and {there} there")
    };
    differences.iter().map(line).collect::<Vec<_>>().join("\n")
}
