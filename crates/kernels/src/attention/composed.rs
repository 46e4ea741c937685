//! The softmax for every device and type, of candle's own differentiable operations.

use candle_core::{D, Result, Tensor};

/// The softmax over the last axis, composed of candle's operations.
pub(crate) fn softmax(scores: &Tensor) -> Result<Tensor> {
    let top = scores.max_keepdim(D::Minus1)?.detach();
    let powers = scores.broadcast_sub(&top)?.exp()?;
    powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)
}
