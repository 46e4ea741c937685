//! One transformer block: its weights by the names of the family, and where its dropout falls.

use std::sync::Arc;

use candle_core::Tensor;
use lockstep_kernels::{BlockPlan, BlockWeights, Notice, Rows, Segments, transformer_block};

use crate::layers::Scope;
use crate::masks::Site;
use crate::pass::Pass;
use crate::{EncoderConfig, ModelError};

#[derive(Debug)]
pub(crate) struct Block {
    index: usize,
    heads: usize,
    epsilon: f64,
    weights: Arc<BlockWeights>,
}

impl Block {
    pub(crate) fn of(
        index: usize,
        config: &EncoderConfig,
        scope: &Scope<'_>,
    ) -> Result<Self, ModelError> {
        let names = &config.family.names().block;
        let affine = |name| scope.below(name).affine();
        let weights = BlockWeights {
            query: affine(names.query)?,
            key: affine(names.key)?,
            value: affine(names.value)?,
            output: affine(names.output)?,
            attention_norm: affine(names.attention_norm)?,
            widen: affine(names.widen)?,
            narrow: affine(names.narrow)?,
            feed_forward_norm: affine(names.feed_forward_norm)?,
        };
        let EncoderConfig { heads, epsilon, .. } = *config;
        Ok(Self { index, heads, epsilon, weights: Arc::new(weights) })
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
            output_dropout: pass.masks.at(Site::AttentionOutput { block: self.index }, rows),
            dropout: pass.masks.at(Site::FeedForward { block: self.index }, rows),
            eps: self.epsilon,
            precision: pass.precision,
            finished: pass.listener.map(|to| Notice::new(to.clone(), self.index)),
        };
        transformer_block(x, &self.weights, &plan)
    }
}
