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
    words: Weight,               // (V, D)
    places: Weight,              // (P, D)
    token_types: Option<Tensor>, // (T, D), relative to type 0, where types are read
    norm: LayerNorm,
}

impl Embeddings {
    pub(crate) fn of(config: &EncoderConfig, scope: &Scope<'_>) -> Result<Self, ModelError> {
        let words = scope.weight("embeddings.word_embeddings.weight")?;
        let token_types = scope.fixed(TOKEN_TYPES).filter(|_| config.family.tells_texts_apart());
        Ok(Self {
            token_types: token_types
                .map(|token_types| token_types.to_device(words.value().device()))
                .transpose()?,
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
        let sum = match &self.token_types {
            Some(token_types) if !input.token_types.is_empty() => {
                (sum + rows_of(token_types, input)?)?
            }
            _ => sum,
        };
        dropout(self.norm.forward(&sum)?, masks.at(Site::Embeddings, Rows::All).as_ref())
    }
}

/// The row of each token's type beyond that of type 0, (N, D), of `token_types` (T, D).
fn rows_of(token_types: &Tensor, input: &Input<'_>) -> candle_core::Result<Tensor> {
    let types = token_types.dim(0)?;
    if let Some(token_type) =
        input.token_types.iter().find(|&&token_type| token_type as usize >= types)
    {
        bail!(
            "a text has the token type {token_type}, but type_vocab_size is {types} in config.json"
        );
    }
    token_types.index_select(&Tensor::new(input.token_types, token_types.device())?, 0)
}
