//! A run out of a directory.

use std::path::{Path, PathBuf};

use lockstep_model::Classifier;
use lockstep_optim::AdamW;
use lockstep_params::TensorFile;

use super::{CheckpointError, manifest};
use crate::identity::Identity;
use crate::journal::Journal;

const WEIGHTS: &str = "model.safetensors";
const MOMENTS: &str = "optimizer.safetensors";

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
        let damaged = |cause: String| CheckpointError::Incomplete {
            directory: directory.to_owned(),
            cause: format!("trainer_state.json is damaged ({cause})"),
        };
        let journal: Journal =
            serde_json::from_slice(&text).map_err(|cause| damaged(cause.to_string()))?;
        let (step, total) = (journal.global_step, journal.identity.total_updates);
        if step > total {
            return Err(damaged(format!("it has update {step} of only {total}")));
        }
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
        let mut file = TensorFile::read(&self.directory.join(WEIGHTS))?;
        let assigned = model.parameters().assign(|name| file.take(name));
        assigned.map_err(|fault| self.unfit(WEIGHTS, &fault))
    }

    /// Overwrites the moments.
    pub(crate) fn restore_moments(&self, optimizer: &mut AdamW) -> Result<(), CheckpointError> {
        let mut file = TensorFile::read(&self.directory.join(MOMENTS))?;
        optimizer.restore(|name| file.take(name)).map_err(|fault| self.unfit(MOMENTS, &fault))
    }

    fn unfit(&self, file: &str, fault: &dyn std::error::Error) -> CheckpointError {
        let cause = format!("{file} does not fit this run's model ({fault})");
        CheckpointError::Incomplete { directory: self.directory.clone(), cause }
    }

    /// What the run remembered.
    pub(crate) fn into_journal(self) -> Journal {
        self.journal
    }
}
