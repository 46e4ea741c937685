//! The block composed of this crate's operations, the way for any device and type; where it learns,
//! as one node of candle's graph, with a graph of its own inside.
//!
//! So its backward pass does what a fused one does: it adds the weights' gradients where they live,
//! and gives notice of that while the pass continues below it.

use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CustomOp1, DType, Layout, Result, Shape, Storage, Tensor, Var, bail,
};

use super::{Affine, BlockPlan, BlockWeights, Rows};
use crate::{
    AttentionPlan, Dropout, Gradient, Notice, Precision, attention, dropout, first_rows, gelu,
    layer_norm, linear,
};

/// [`super::transformer_block()`] for checked arguments.
pub(super) fn transformer_block(
    x: &Tensor, // (N,D)
    weights: &Arc<BlockWeights>,
    plan: &BlockPlan,
    looks: &AttentionPlan,
) -> Result<Tensor> {
    if !x.track_op() {
        return states(x, weights, plan, looks);
    }
    let x_inside = Var::from_tensor(&x.detach())?;
    let y = states(&x_inside, weights, plan, looks)?.contiguous()?;
    let (weights, finished) = (weights.clone(), plan.finished.clone());
    x.apply_op1(Node { inside: Mutex::new(Some(Inside { x: x_inside, y })), weights, finished })
}

/// The states behind the block, (M,D).
fn states(
    x: &Tensor, // (N,D)
    weights: &BlockWeights,
    plan: &BlockPlan,
    looks: &AttentionPlan,
) -> Result<Tensor> {
    let asking = match plan.rows {
        Rows::All => x.clone(),
        Rows::First => first_rows(x, &plan.segments)?,
    }; // (M,D)
    let query = weights.query.linear(&asking, plan)?; // (M,D)
    let (key, value) = (weights.key.linear(x, plan)?, weights.value.linear(x, plan)?); // (N,D)
    let attended = weights.output.linear(&attention(&query, &key, &value, looks)?, plan)?; // (M,D)
    let attended = thinned(attended, plan.output_dropout.as_ref())?;
    let inner = weights.attention_norm.norm(&(attended + asking)?, plan.eps)?; // (M,D)
    let wide = gelu(&weights.widen.linear(&inner, plan)?)?; // (M,F)
    let narrow = weights.narrow.linear(&wide, plan)?; // (M,D)
    let kept = thinned(narrow, plan.dropout.as_ref())?;
    weights.feed_forward_norm.norm(&(kept + inner)?, plan.eps)
}

/// `x` with dropout, where there is some.
fn thinned(x: Tensor, rule: Option<&Dropout>) -> Result<Tensor> {
    rule.map_or(Ok(x.clone()), |rule| dropout(&x, rule))
}

impl Affine {
    fn linear(&self, x: &Tensor, plan: &BlockPlan) -> Result<Tensor> {
        let (weight, bias) = (self.weight.value(), self.bias.value());
        let Precision::PlainBf16 = plan.precision else { return linear(x, weight, bias) };
        let product = x.to_dtype(DType::BF16)?.matmul(&weight.to_dtype(DType::BF16)?.t()?)?;
        product.to_dtype(x.dtype())?.broadcast_add(bias)
    }

    fn norm(&self, x: &Tensor, eps: f64) -> Result<Tensor> {
        layer_norm(x, self.weight.value(), self.bias.value(), eps)
    }
}

/// A block applied to one batch, seen from outside.
struct Node {
    // Until the backward pass has used it.
    inside: Mutex<Option<Inside>>,
    weights: Arc<BlockWeights>,
    finished: Option<Notice>,
}

/// The ends of the graph inside.
struct Inside {
    x: Var,    // (N,D)
    y: Tensor, // (M,D)
}

impl CustomOp1 for Node {
    fn name(&self) -> &'static str {
        "transformer_block"
    }

    fn cpu_fwd(&self, _x: &CpuStorage, _layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.with_states(|states, layout| match states {
            Storage::Cpu(states) => states.try_clone(layout),
            _ => bail!("transformer_block: x is on the CPU, and the states behind it are not"),
        })
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, _x: &CudaStorage, _layout: &Layout) -> Result<(CudaStorage, Shape)> {
        self.with_states(|states, layout| match states {
            Storage::Cuda(states) => states.try_clone(layout),
            _ => bail!("transformer_block: x is on a GPU, and the states behind it are not"),
        })
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let Some(Inside { x, y }) = self.take() else {
            bail!("transformer_block: the backward pass freed what it read, and cannot run twice");
        };
        // The gradient of this sum at y is dy.
        let mut gradients = (y * dy)?.sum_all()?.backward()?;
        let affine = self.weights.all().flat_map(|affine| [&affine.weight, &affine.bias]);
        for weight in affine.filter(|weight| weight.value().track_op()) {
            if let Some(gradient) = gradients.remove(weight.value()) {
                weight.add_gradient(Gradient::Dense(gradient.contiguous()?))?;
            }
        }
        if let Some(finished) = &self.finished {
            finished.give();
        }
        Ok(gradients.remove(&x))
    }
}

impl Node {
    /// Shows the memory of the states to `copy`.
    fn with_states<S>(
        &self,
        copy: impl FnOnce(&Storage, &Layout) -> Result<S>,
    ) -> Result<(S, Shape)> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Inside { y, .. }) = &*inside else {
            bail!("transformer_block: what it computes is gone");
        };
        let (storage, layout) = y.storage_and_layout();
        Ok((copy(&storage, layout)?, y.shape().clone()))
    }

    fn take(&self) -> Option<Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
