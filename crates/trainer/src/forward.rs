//! A packed batch through a model without training it.

use lockstep_data::Batch;
use lockstep_model::{Classifier, Input, Mode};

use crate::TrainError;

/// The model's logits for each example of a batch, (B, K).
///
/// # Errors
/// When a token has no place in the model; the tensor library's.
pub(crate) fn class_scores(model: &Classifier, batch: &Batch) -> Result<Vec<Vec<f32>>, TrainError> {
    Ok(model.logits(&input(batch), Mode::Evaluate)?.values()?)
}

pub(crate) fn input(batch: &Batch) -> Input<'_> {
    Input {
        ids: batch.ids(),
        positions: batch.positions(),
        token_types: batch.token_types(),
        offsets: batch.offsets(),
        examples: batch.examples(),
    }
}
