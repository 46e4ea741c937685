//! The block as one node of candle's graph.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::backward::Backward;
use super::forward::{Forward, Saved};
use super::{Affine, BlockPlan, BlockWeights};
use crate::AttentionPlan;
use crate::cpu::matrix::Matrix;
use crate::cpu::values::{Reading, gradient, stored};
use crate::layer_norm::LayerNorm;

/// A block applied to one batch.
pub(super) struct Fused {
    weights: Arc<BlockWeights>,
    plan: FusedPlan,
    keeping: Keeping,
    // From the forward pass until the backward pass has used it.
    saved: Mutex<Option<Saved>>,
}

/// A plan in the terms of the fused passes.
pub(super) struct FusedPlan {
    pub(super) block: BlockPlan,
    pub(super) attention: AttentionPlan,
    pub(super) norm: LayerNorm,
}

/// Whether a backward pass will follow.
#[derive(Clone, Copy)]
pub(super) enum Keeping {
    /// It will, and reads what the forward pass keeps.
    ForBackward,
    /// It will not.
    Nothing,
}

impl Fused {
    pub(super) fn new(
        weights: Arc<BlockWeights>,
        block: &BlockPlan,
        attention: AttentionPlan,
        keeping: Keeping,
    ) -> Self {
        let plan = FusedPlan { block: block.clone(), attention, norm: LayerNorm::new(block.eps) };
        Self { weights, plan, keeping, saved: Mutex::default() }
    }
}

impl CustomOp1 for Fused {
    fn name(&self) -> &'static str {
        "transformer_block"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = layout.shape().dims2()?.1;
        let x = Matrix::new(stored(x, layout)?, width); // (N,D)
        let weights = WeightValues::of(&self.weights)?;
        let (y, saved) = Forward { weights: &weights, plan: &self.plan }.run(x);
        if let Keeping::ForBackward = self.keeping {
            *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved);
        }
        Ok((CpuStorage::F32(y), (self.plan.attention.queries.total(), width).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let Some(saved) = self.saved.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            bail!("transformer_block: the backward pass freed what it read, and cannot run twice");
        };
        let dy = dy.contiguous()?;
        let (x_values, dy_values) = (Reading::of(x)?, Reading::of(&dy)?);
        let x_matrix = Matrix::new(&x_values, x.dim(1)?); // (N,D)
        let weights = WeightValues::of(&self.weights)?;
        let backward = Backward { weights: &weights, sums: &self.weights, plan: &self.plan };
        let dx = backward.run(x_matrix, saved, &dy_values)?;
        if let Some(finished) = &self.plan.block.finished {
            finished.give();
        }
        gradient(x, || dx)
    }
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
    fn of(weights: &'a BlockWeights) -> Result<Self> {
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
