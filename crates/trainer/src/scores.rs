//! What evaluates batches.

use lockstep_data::Batch;
use lockstep_model::Classifier;

use crate::TrainError;
use crate::forward::class_scores;

/// One score a class for each example, (B, K).
pub(crate) type ClassScores = Vec<Vec<f32>>;

/// Gives the scores of batches.
pub(crate) trait Scores {
    /// The logits of a batch by the weights as they are. Updates are settled.
    ///
    /// # Errors
    /// [`TrainError`] when the device fails.
    fn scores(&mut self, model: &Classifier, batch: &Batch) -> Result<ClassScores, TrainError> {
        class_scores(model, batch)
    }

    /// Tokens of an evaluated batch, about: enough to keep the device busy.
    fn tokens_at_once(&self) -> usize {
        // Little enough to stay in a processor's cache.
        2048
    }
}
