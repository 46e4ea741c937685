//! Scores by a finished model: by recorded programs on a GPU, else by candle's operations.

use lockstep_data::{Batch, TokenStore};
use lockstep_gpu::{CudaMachine, Graphs};
use lockstep_model::Classifier;
use lockstep_program::{Bucket, Inference, LONGEST};

use super::facts::{Names, found, shape};
use super::{Link, OnGpu, TOKENS_AT_ONCE, evaluation_input, rows, size};
use crate::TrainError;
use crate::forward::class_scores;
use crate::scores::{ClassScores, Scores};
use crate::token_batches::batches;

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

    /// The logits of all texts of a store, (B, K), in their order. They are evaluated by length, in
    /// batches of about `at_once` tokens; by default as many as keep the device busy.
    ///
    /// # Errors
    /// As [`Self::scores`]; a store whose file was damaged.
    pub fn scores_of_all(
        &mut self,
        model: &Classifier,
        store: &TokenStore,
        at_once: Option<usize>,
    ) -> Result<Vec<Vec<f32>>, TrainError> {
        let lengths = store.lengths();
        let mut order: Vec<usize> = (0..store.len()).collect();
        order.sort_by_key(|index| lengths.get(*index).copied());
        let mut all = vec![Vec::new(); store.len()];
        let at_once = at_once.unwrap_or_else(|| Scores::tokens_at_once(self));
        for indices in batches(order, lengths, at_once) {
            let found = self.scores(model, &Batch::pack(store, &indices)?)?;
            for (index, scores) in indices.into_iter().zip(found) {
                all[index] = scores;
            }
        }
        Ok(all)
    }

    /// Tokens of a batch that keep the device busy, about.
    #[must_use]
    pub fn tokens_at_once(&self) -> usize {
        Scores::tokens_at_once(self)
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
