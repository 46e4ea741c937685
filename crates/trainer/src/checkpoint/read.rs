//! A run out of a directory.

use std::path::{Path, PathBuf};

use lockstep_model::Classifier;
use lockstep_optim::AdamW;
use lockstep_params::TensorFile;

use super::CheckpointError;
use super::manifest::{self, Manifest};
use super::name::step_of;
use crate::identity::Identity;
use crate::journal::Journal;

pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const MOMENTS: &str = "optimizer.safetensors";
const TENSORS: [&str; 2] = [WEIGHTS, MOMENTS];
pub(super) const JOURNAL: &str = "trainer_state.json";

/// A checkpoint that was not taken over yet. What is taken of it has the bytes that were written.
pub(crate) struct Saved {
    directory: PathBuf,
    manifest: Manifest,
    journal: Journal,
}

impl Saved {
    /// Opens a checkpoint after checking that all of its files are there in full, and that those
    /// without tensors have the bytes that were written.
    pub(crate) fn open(directory: &Path) -> Result<Self, CheckpointError> {
        let broken = |cause| CheckpointError::Incomplete { directory: directory.to_owned(), cause };
        let manifest = Manifest::open(directory).map_err(broken)?;
        manifest.verify(|name| !TENSORS.contains(&name)).map_err(broken)?;
        let damaged = |cause: String| broken(format!("{JOURNAL} is damaged ({cause})"));
        let text = manifest.read(JOURNAL).map_err(broken)?;
        let journal: Journal =
            serde_json::from_slice(&text).map_err(|cause| damaged(cause.to_string()))?;
        let (step, total) = (journal.global_step, journal.identity.total_updates);
        if step > total {
            return Err(damaged(format!("it has update {step} of only {total}")));
        }
        let sealed = manifest.step();
        if step != sealed.0 {
            return Err(damaged(format!("it has update {step}, and the manifest {}", sealed.0)));
        }
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        if step_of(&name).is_some_and(|named| named != sealed) {
            return Err(broken(format!("it is the checkpoint of update {step}")));
        }
        Ok(Self { directory: directory.to_owned(), manifest, journal })
    }

    /// Compares the bytes of the tensor files with those that were written.
    pub(crate) fn verify(&self) -> Result<(), CheckpointError> {
        self.manifest.verify(|name| TENSORS.contains(&name)).map_err(|cause| self.broken(cause))
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
        let mut file = self.tensors(WEIGHTS)?;
        let assigned = model.parameters().assign(|name| model.fixed().take(&mut file, name));
        assigned.map_err(|fault| self.unfit(WEIGHTS, &fault))
    }

    /// Overwrites the moments.
    pub(crate) fn restore_moments(&self, optimizer: &mut AdamW) -> Result<(), CheckpointError> {
        let mut file = self.tensors(MOMENTS)?;
        optimizer.restore(|name| file.take(name)).map_err(|fault| self.unfit(MOMENTS, &fault))
    }

    fn tensors(&self, name: &str) -> Result<TensorFile, CheckpointError> {
        let bytes = self.manifest.read(name).map_err(|cause| self.broken(cause))?;
        Ok(TensorFile::of_bytes(&self.directory.join(name), &bytes)?)
    }

    fn unfit(&self, file: &str, fault: &dyn std::error::Error) -> CheckpointError {
        self.broken(format!("{file} does not fit this run's model ({fault})"))
    }

    fn broken(&self, cause: String) -> CheckpointError {
        CheckpointError::Incomplete { directory: self.directory.clone(), cause }
    }

    /// What the run remembered.
    pub(crate) fn into_journal(self) -> Journal {
        self.journal
    }
}

/// Whether the files that a model is read from are those that were written, where the directory is a
/// checkpoint. One without a manifest is a model like any other.
///
/// # Errors
/// [`CheckpointError::Altered`] says what differs.
pub fn check_model(directory: &Path) -> Result<(), CheckpointError> {
    if !directory.join(manifest::NAME).exists() {
        if directory.join(MOMENTS).exists() {
            tracing::warn!(
                "{} has lost its {}, so its files are read unchecked",
                directory.display(),
                manifest::NAME
            );
        }
        return Ok(());
    }
    let checked = Manifest::open(directory)
        .and_then(|manifest| manifest.verify(|name| name != MOMENTS && name != JOURNAL));
    checked.map_err(|cause| CheckpointError::Altered { directory: directory.to_owned(), cause })
}
