//! Scores by a finished model: by recorded programs on a GPU, else by candle's operations.

use lockstep_data::Batch;
use lockstep_gpu::{CudaMachine, Graphs};
use lockstep_model::Classifier;
use lockstep_program::{Bucket, Inference, LONGEST};

use super::facts::{Names, found, shape};
use super::{Link, OnGpu, TOKENS_AT_ONCE, evaluation_input, rows, size};
use crate::TrainError;
use crate::forward::class_scores;
use crate::scores::{ClassScores, Scores};

/// Evaluates batches by a model that does not learn any more.
pub struct Scorer {
    gpu: Option<Inference<CudaMachine>>,
}

impl Scorer {
    /// A scorer where the weights of `model` lie.
    ///
    /// # Errors
    /// [`TrainError`] when the GPU cannot be used.
    pub fn new(model: &Classifier) -> Result<Self, TrainError> {
        let (device, shape) = (model.device(), shape(model));
        if device.is_cpu() || shape.check(LONGEST).is_err() {
            return Ok(Self { gpu: None });
        }
        let mut machine = CudaMachine::open(&device, Graphs::On)?;
        let places = OnGpu.places(&mut machine, model.parameters())?;
        let names = Names::of_model(model);
        let weights = names.parts(&shape, |name| found(&places, name))?;
        Ok(Self { gpu: Some(Inference::new(machine, shape, weights)) })
    }

    /// The logits of a batch, (B, K).
    ///
    /// # Errors
    /// [`TrainError`] when a token has no place in the model, or the device fails.
    pub fn scores(
        &mut self,
        model: &Classifier,
        batch: &Batch,
    ) -> Result<Vec<Vec<f32>>, TrainError> {
        Scores::scores(self, model, batch)
    }
}

impl Scores for Scorer {
    fn scores(&mut self, model: &Classifier, batch: &Batch) -> Result<ClassScores, TrainError> {
        let size = size(batch);
        // Recorded programs know no token types.
        let has_token_types =
            model.config().family.tells_texts_apart() && !batch.token_types().is_empty();
        match &mut self.gpu {
            Some(gpu) if size.longest <= LONGEST && !has_token_types => {
                let found = gpu.evaluate(&evaluation_input(batch), Bucket::of(size))?;
                Ok(rows(&found, model.labels().len()))
            }
            _ => class_scores(model, batch),
        }
    }

    fn tokens_at_once(&self) -> usize {
        if self.gpu.is_some() { TOKENS_AT_ONCE } else { 2048 }
    }
}
