//! From token ids to the first hidden states.

use candle_core::{Tensor, bail};
use lockstep_kernels::{self as kernels, Rows, Weight};

use crate::layers::{LayerNorm, Scope, dropout};
use crate::masks::{Masks, Site};
use crate::specs::TOKEN_TYPES;
use crate::{EncoderConfig, Input, ModelError};

/// Word plus position embedding, plus the row of the token type, layer norm, dropout.
///
/// The row of type 0 is a part of each position's. What another type has beyond it does not learn.
#[derive(Debug)]
pub(crate) struct Embeddings {
    words: Weight,         // (V, D)
    places: Weight,        // (P, D)
    kinds: Option<Tensor>, // (T, D), relative to type 0, where types are read
    norm: LayerNorm,
}

impl Embeddings {
    pub(crate) fn of(config: &EncoderConfig, scope: &Scope<'_>) -> Result<Self, ModelError> {
        let words = scope.weight("embeddings.word_embeddings.weight")?;
        let kinds = scope.fixed(TOKEN_TYPES).filter(|_| config.family.tells_texts_apart());
        Ok(Self {
            kinds: kinds.map(|kinds| kinds.to_device(words.value().device())).transpose()?,
            words,
            places: scope.weight("embeddings.position_embeddings.weight")?,
            norm: LayerNorm::of(&scope.below("embeddings.LayerNorm"), config.epsilon)?,
        })
    }

    /// -> (N, D)
    pub(crate) fn forward(
        &self,
        input: &Input<'_>,
        masks: &Masks<'_>,
    ) -> candle_core::Result<Tensor> {
        let sum = kernels::embedding(&self.words, &self.places, input.ids, input.positions)?;
        let sum = match &self.kinds {
            Some(kinds) if !input.kinds.is_empty() => (sum + rows_of(kinds, input)?)?,
            _ => sum,
        };
        dropout(self.norm.forward(&sum)?, masks.at(Site::Embeddings, Rows::All).as_ref())
    }
}

/// The row of each token's type beyond that of type 0, (N, D), of `kinds` (T, D).
fn rows_of(kinds: &Tensor, input: &Input<'_>) -> candle_core::Result<Tensor> {
    let types = kinds.dim(0)?;
    if let Some(kind) = input.kinds.iter().find(|&&kind| kind as usize >= types) {
        bail!("a text has the token type {kind}, but type_vocab_size is {types} in config.json");
    }
    kinds.index_select(&Tensor::new(input.kinds, kinds.device())?, 0)
}
