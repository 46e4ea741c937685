//! One transformer block: attention and feed-forward, each with its residual and layer norm.
//!
//! After Vaswani et al., "Attention Is All You Need" (2017), with the norms behind the residual
//! sums as in BERT. Dropout falls where DistilBERT has it: on the attention probabilities and after
//! the second feed-forward layer, and not after the attention's output projection.

use candle_core::Tensor;
use lockstep_kernels::{self as kernels, AttentionPlan, Segments};

use crate::layers::{LayerNorm, Linear, Scope, dropout};
use crate::masks::{Masks, Rows, Site};
use crate::{EncoderConfig, ModelError};

#[derive(Debug)]
pub(crate) struct Block {
    index: usize,
    heads: usize,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    attention_norm: LayerNorm,
    widen: Linear,  // D -> F
    narrow: Linear, // F -> D
    feed_forward_norm: LayerNorm,
}

impl Block {
    pub(crate) fn of(
        index: usize,
        config: &EncoderConfig,
        scope: &Scope<'_>,
    ) -> Result<Self, ModelError> {
        let attention = scope.below("attention");
        let feed_forward = scope.below("ffn");
        Ok(Self {
            index,
            heads: config.heads,
            query: Linear::of(&attention.below("q_lin"))?,
            key: Linear::of(&attention.below("k_lin"))?,
            value: Linear::of(&attention.below("v_lin"))?,
            output: Linear::of(&attention.below("out_lin"))?,
            attention_norm: LayerNorm::of(&scope.below("sa_layer_norm"))?,
            widen: Linear::of(&feed_forward.below("lin1"))?,
            narrow: Linear::of(&feed_forward.below("lin2"))?,
            feed_forward_norm: LayerNorm::of(&scope.below("output_layer_norm"))?,
        })
    }

    /// The states after this block: (N, D) -> (N, D), or (N, D) -> (B, D) at the first rows only.
    pub(crate) fn forward(
        &self,
        x: &Tensor, // (N, D)
        segments: &Segments,
        rows: Rows,
        masks: &Masks<'_>,
    ) -> candle_core::Result<Tensor> {
        let (asking, queries) = match rows {
            Rows::All => (x.clone(), segments.clone()),
            Rows::First => (kernels::first_rows(x, segments)?, Segments::each_one(segments.len())),
        }; // M rows: N or B
        let plan = AttentionPlan {
            heads: self.heads,
            queries,
            keys: segments.clone(),
            dropout: masks.at(Site::Attention { block: self.index }, rows),
        };
        let attended = self.attend(&asking, x, &plan)?; // (M, D)
        let attended = self.attention_norm.forward(&(attended + &asking)?)?; // (M, D)
        let mask = masks.at(Site::FeedForward { block: self.index }, rows);
        let wide = kernels::gelu(&self.widen.forward(&attended)?)?; // (M, F)
        let narrow = dropout(self.narrow.forward(&wide)?, mask.as_ref())?; // (M, D)
        self.feed_forward_norm.forward(&(narrow + &attended)?)
    }

    fn attend(
        &self,
        asking: &Tensor, // (M, D)
        x: &Tensor,      // (N, D)
        plan: &AttentionPlan,
    ) -> candle_core::Result<Tensor> {
        let query = self.query.forward(asking)?; // (M, D)
        let key = self.key.forward(x)?; // (N, D)
        let value = self.value.forward(x)?; // (N, D)
        self.output.forward(&kernels::attention(&query, &key, &value, plan)?)
    }
}
