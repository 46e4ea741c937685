//! A run out of a directory.

use std::path::{Path, PathBuf};

use lockstep_model::Classifier;
use lockstep_optim::AdamW;
use lockstep_params::TensorFile;

use super::{CheckpointError, manifest};
use crate::journal::{Identity, Journal};

/// A whole checkpoint that was not taken over yet.
pub(crate) struct Saved {
    directory: PathBuf,
    journal: Journal,
}

impl Saved {
    /// Opens a checkpoint after checking that all of its files are there in full.
    pub(crate) fn open(directory: &Path) -> Result<Self, CheckpointError> {
        manifest::verify(directory)?;
        let path = directory.join("trainer_state.json");
        let text = std::fs::read(&path).map_err(|cause| CheckpointError::Io {
            verb: "read",
            path: path.clone(),
            cause,
        })?;
        let journal = serde_json::from_slice(&text).map_err(|cause| {
            let cause = format!("trainer_state.json is damaged ({cause})");
            CheckpointError::Incomplete { directory: directory.to_owned(), cause }
        })?;
        Ok(Self { directory: directory.to_owned(), journal })
    }

    /// Whether this checkpoint belongs to the run `identity` describes.
    pub(crate) fn check(&self, identity: &Identity) -> Result<(), CheckpointError> {
        let differences = identity.differences(&self.journal.identity);
        if differences.is_empty() {
            return Ok(());
        }
        Err(CheckpointError::OtherRun { directory: self.directory.clone(), differences })
    }

    /// Overwrites the weights.
    pub(crate) fn restore_weights(&self, model: &Classifier) -> Result<(), CheckpointError> {
        let mut file = TensorFile::read(&self.directory.join("model.safetensors"))?;
        Ok(model.parameters().assign(|name| file.take(name))?)
    }

    /// Overwrites the moments.
    pub(crate) fn restore_moments(&self, optimizer: &AdamW) -> Result<(), CheckpointError> {
        let mut file = TensorFile::read(&self.directory.join("optimizer.safetensors"))?;
        Ok(optimizer.restore(|name| file.take(name))?)
    }

    /// What the run remembered.
    pub(crate) fn into_journal(self) -> Journal {
        self.journal
    }
}
