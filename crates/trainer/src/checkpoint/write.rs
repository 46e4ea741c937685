//! A run into a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lockstep_data::Tokenizer;
use lockstep_model::{Classifier, ModelTexts};
use lockstep_params::{Fixed, ParamName, TensorCopy, write_tensors};
use lockstep_world::Step;
use serde::Serialize;

use super::place::{make_room, prune};
use super::read::{JOURNAL, MOMENTS, WEIGHTS};
use super::staging::{Staging, write_json};
use super::{CheckpointError, checkpoint_name, manifest};
use crate::Usage;
use crate::journal::Journal;

/// What a user of the model needs beside its weights.
pub(crate) struct Companions {
    texts: ModelTexts,
    fixed: Fixed,
    tokenizer: Arc<Tokenizer>,
    positions: usize,
    usage: Usage,
}

impl Companions {
    pub(crate) fn of(model: &Classifier, tokenizer: &Arc<Tokenizer>, usage: &Usage) -> Self {
        Self {
            texts: model.texts(),
            fixed: model.fixed().clone(),
            tokenizer: tokenizer.clone(),
            positions: model.config().positions,
            usage: usage.clone(),
        }
    }

    fn save(&self, directory: &Path) -> Result<(), CheckpointError> {
        self.texts.save(directory)?;
        self.tokenizer.save(directory, self.positions)?;
        self.usage.write(directory)
    }
}

/// All that `checkpoint-<step>` is made of but tensors, and which checkpoints stay beside it.
pub(crate) struct Draft {
    pub(crate) output_dir: PathBuf,
    pub(crate) step: Step,
    pub(crate) companions: Companions,
    pub(crate) journal: Journal,
    /// So many of the newest stay, and the best one.
    pub(crate) keep: Option<NonZeroUsize>,
}

/// Weights and moments at one moment.
pub(super) struct Tensors {
    weights: BTreeMap<ParamName, TensorCopy>,
    moments: BTreeMap<ParamName, TensorCopy>,
}

impl Tensors {
    /// Those of which the `names` are weights.
    pub(super) fn new(all: BTreeMap<ParamName, TensorCopy>, names: &BTreeSet<ParamName>) -> Self {
        let (weights, moments) = all.into_iter().partition(|(name, _)| names.contains(name));
        Self { weights, moments }
    }

    pub(super) fn into_all(mut self) -> BTreeMap<ParamName, TensorCopy> {
        self.weights.append(&mut self.moments);
        self.weights
    }
}

impl Draft {
    /// Writes the checkpoint: all that is needed to resume, or to use the model as it is. Older ones
    /// are removed after that, and before it only where the disk is full.
    pub(super) fn write(&self, tensors: &Tensors) -> Result<(), CheckpointError> {
        let Self { output_dir, step, keep, .. } = self;
        let best = self.journal.best_global_step.map(Step);
        match (self.write_once(tensors), keep) {
            (Err(error), Some(keep))
                if error.is_full() && make_room(output_dir, *keep, *step, best)? =>
            {
                self.write_once(tensors)?;
            }
            (written, _) => written?,
        }
        if let Some(keep) = keep {
            prune(output_dir, *keep, *step, best);
        }
        Ok(())
    }

    fn write_once(&self, tensors: &Tensors) -> Result<(), CheckpointError> {
        let name = checkpoint_name(self.step);
        let staging = Staging::begin(&self.output_dir, &name)?;
        let directory = staging.path();
        let weights = self.companions.fixed.write(&directory.join(WEIGHTS), &tensors.weights)?;
        let moments = write_tensors(&directory.join(MOMENTS), &tensors.moments)?;
        self.companions.save(directory)?;
        write_json(&directory.join(JOURNAL), &self.journal)?;
        manifest::seal(directory, self.step, &[(WEIGHTS, weights), (MOMENTS, moments)])?;
        staging.publish(&name)
    }
}

/// Writes the final model and its results beside the checkpoints.
pub(crate) fn write_final(
    draft: &Draft,
    model: &Classifier,
    results: &impl Serialize,
) -> Result<(), CheckpointError> {
    let staging = Staging::begin(&draft.output_dir, "final")?;
    model.save(staging.path())?;
    draft.companions.save(staging.path())?;
    write_json(&staging.path().join(JOURNAL), &draft.journal)?;
    write_json(&staging.path().join("all_results.json"), results)?;
    staging.publish_files()
}
