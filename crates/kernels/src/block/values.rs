//! What the fused passes of a block read: its plan and the values of its weights.

use candle_core::Result;

use super::{Affine, BlockPlan, BlockWeights};
use crate::AttentionPlan;
use crate::cpu::matrix::Matrix;
use crate::cpu::values::Reading;
use crate::layer_norm::LayerNorm;

/// A plan in the terms of the fused passes.
pub(super) struct FusedPlan {
    pub(super) block: BlockPlan,
    pub(super) attention: AttentionPlan,
    pub(super) norm: LayerNorm,
}

/// The values of a block's weights, locked against writing.
pub(super) struct WeightValues<'a> {
    pub(super) query: AffineValues<'a>,
    pub(super) key: AffineValues<'a>,
    pub(super) value: AffineValues<'a>,
    pub(super) output: AffineValues<'a>,
    pub(super) attention_norm: AffineValues<'a>,
    pub(super) widen: AffineValues<'a>,
    pub(super) narrow: AffineValues<'a>,
    pub(super) feed_forward_norm: AffineValues<'a>,
}

impl<'a> WeightValues<'a> {
    pub(super) fn of(weights: &'a BlockWeights) -> Result<Self> {
        Ok(Self {
            query: AffineValues::of(&weights.query)?,
            key: AffineValues::of(&weights.key)?,
            value: AffineValues::of(&weights.value)?,
            output: AffineValues::of(&weights.output)?,
            attention_norm: AffineValues::of(&weights.attention_norm)?,
            widen: AffineValues::of(&weights.widen)?,
            narrow: AffineValues::of(&weights.narrow)?,
            feed_forward_norm: AffineValues::of(&weights.feed_forward_norm)?,
        })
    }
}

/// The values of a weight and a bias.
pub(super) struct AffineValues<'a> {
    weight: Reading<'a>,
    pub(super) bias: Reading<'a>,
}

impl<'a> AffineValues<'a> {
    fn of(affine: &'a Affine) -> Result<Self> {
        Ok(Self {
            weight: Reading::of(affine.weight.value())?,
            bias: Reading::of(affine.bias.value())?,
        })
    }

    /// The weight of a linear layer, (O,I).
    pub(super) fn matrix(&self) -> Matrix<'_> {
        Matrix::new(&self.weight, self.weight.len() / self.bias.len())
    }

    /// The scale of a layer norm, (D).
    pub(super) fn scale(&self) -> &[f32] {
        &self.weight
    }
}
