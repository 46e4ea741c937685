//! The block as one node of candle's graph.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::backward::Backward;
use super::forward::{Forward, Saved};
use super::values::{FusedPlan, WeightValues};
use super::{BlockPlan, BlockWeights};
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
