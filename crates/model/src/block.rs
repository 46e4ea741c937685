//! One transformer block: its weights by DistilBERT's names, and where its dropout falls.

use std::sync::Arc;

use candle_core::Tensor;
use lockstep_kernels::{BlockPlan, BlockWeights, Notice, Rows, Segments, transformer_block};

use crate::layers::{LayerNorm, Scope};
use crate::masks::Site;
use crate::pass::Pass;
use crate::{EncoderConfig, ModelError};

#[derive(Debug)]
pub(crate) struct Block {
    index: usize,
    heads: usize,
    weights: Arc<BlockWeights>,
}

impl Block {
    pub(crate) fn of(
        index: usize,
        config: &EncoderConfig,
        scope: &Scope<'_>,
    ) -> Result<Self, ModelError> {
        let attention = scope.below("attention");
        let feed_forward = scope.below("ffn");
        let weights = BlockWeights {
            query: attention.below("q_lin").affine()?,
            key: attention.below("k_lin").affine()?,
            value: attention.below("v_lin").affine()?,
            output: attention.below("out_lin").affine()?,
            attention_norm: scope.below("sa_layer_norm").affine()?,
            widen: feed_forward.below("lin1").affine()?,
            narrow: feed_forward.below("lin2").affine()?,
            feed_forward_norm: scope.below("output_layer_norm").affine()?,
        };
        Ok(Self { index, heads: config.heads, weights: Arc::new(weights) })
    }

    /// The states after this block: (N, D) -> (N, D), or (N, D) -> (B, D) at the first rows only.
    pub(crate) fn forward(
        &self,
        x: &Tensor, // (N, D)
        segments: &Segments,
        rows: Rows,
        pass: &Pass<'_>,
    ) -> candle_core::Result<Tensor> {
        let plan = BlockPlan {
            heads: self.heads,
            segments: segments.clone(),
            rows,
            attention_dropout: pass.masks.at(Site::Attention { block: self.index }, rows),
            dropout: pass.masks.at(Site::FeedForward { block: self.index }, rows),
            eps: LayerNorm::EPSILON,
            precision: pass.precision,
            finished: pass.listener.map(|to| Notice::new(to.clone(), self.index)),
        };
        transformer_block(x, &self.weights, &plan)
    }
}
