//! A run that was put aside by the one that replaces it.

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_trainer::{Observer, TrainEvent};

/// Where the run lies that is being replaced.
pub(crate) const REPLACED: &str = ".replaced";

/// Removes the run that was replaced, once the new one has a checkpoint or a model.
pub(crate) struct Replaced {
    directory: PathBuf,
}

impl Replaced {
    /// What a run into `directory` has put aside, if anything.
    pub(crate) fn of(directory: &Path) -> Self {
        Self { directory: directory.join(REPLACED) }
    }

    /// Removes it now.
    pub(crate) fn remove(&self) {
        if self.directory.exists()
            && let Err(cause) = fs::remove_dir_all(&self.directory)
        {
            tracing::warn!("cannot remove {}: {cause}", self.directory.display());
        }
    }
}

impl Observer for Replaced {
    fn observe(&mut self, event: &TrainEvent) {
        if matches!(event, TrainEvent::Checkpoint(_) | TrainEvent::Finish(_)) {
            self.remove();
        }
    }
}
