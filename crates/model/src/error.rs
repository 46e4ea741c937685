//! Why a model could not be read, built, run or written.

use std::path::PathBuf;

use lockstep_params::{GradientError, ParameterError, TensorFileError};

/// Everything that can go wrong with a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("cannot {verb} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// config.json is not usable.
    #[error("{} does not describe a DistilBERT encoder:\n{}", path.display(), bullets(faults))]
    Config {
        /// The file.
        path: PathBuf,
        /// All that is wrong.
        faults: Vec<String>,
    },
    /// The directory has no weights.
    #[error(
        "{} holds neither model.safetensors nor pytorch_model.bin; \
         put one of them there, beside config.json",
        directory.display()
    )]
    NoWeights {
        /// The directory.
        directory: PathBuf,
    },
    /// The tensors are not those config.json describes.
    #[error("{} does not fit its config.json:\n{}", path.display(), bullets(faults))]
    Tensors {
        /// The file.
        path: PathBuf,
        /// All that is wrong.
        faults: Vec<String>,
    },
    /// The model has a head for other classes.
    #[error(
        "{} already has a head for the classes {found:?}, but the data has {wanted:?}; \
         train from the bare encoder, or on data with the same classes",
        path.display()
    )]
    Labels {
        /// The file.
        path: PathBuf,
        /// The classes in config.json.
        found: Vec<String>,
        /// The classes of the data.
        wanted: Vec<String>,
    },
    /// The model does not fit the tokenizer or the texts.
    #[error("{0}")]
    Limits(String),
    /// A gradient is missing.
    #[error(transparent)]
    Gradient(#[from] GradientError),
    /// A tensor file is unreadable or could not be written.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// Parameters do not fit.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

fn bullets(faults: &[String]) -> String {
    faults.iter().map(|fault| format!("  - {fault}")).collect::<Vec<_>>().join("\n")
}
