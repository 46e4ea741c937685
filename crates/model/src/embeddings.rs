//! From token ids to the first hidden states.

use candle_core::Tensor;
use lockstep_kernels::{self as kernels, Rows, Weight};

use crate::layers::{LayerNorm, Scope, dropout};
use crate::masks::{Masks, Site};
use crate::{EncoderConfig, Input, ModelError};

/// Word plus position embedding, layer norm, dropout.
#[derive(Debug)]
pub(crate) struct Embeddings {
    words: Weight,  // (V, D)
    places: Weight, // (P, D)
    norm: LayerNorm,
}

impl Embeddings {
    pub(crate) fn of(config: &EncoderConfig, scope: &Scope<'_>) -> Result<Self, ModelError> {
        Ok(Self {
            words: scope.weight("word_embeddings.weight")?,
            places: scope.weight("position_embeddings.weight")?,
            norm: LayerNorm::of(&scope.below("LayerNorm"), config.epsilon)?,
        })
    }

    /// -> (N, D)
    pub(crate) fn forward(
        &self,
        input: &Input<'_>,
        masks: &Masks<'_>,
    ) -> candle_core::Result<Tensor> {
        let sum = kernels::embedding(&self.words, &self.places, input.ids, input.positions)?;
        dropout(self.norm.forward(&sum)?, masks.at(Site::Embeddings, Rows::All).as_ref())
    }
}
