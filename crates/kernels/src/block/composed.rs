//! The block composed of this crate's operations: the way for any device and type.

use candle_core::{Result, Tensor};

use super::{Affine, BlockPlan, BlockWeights, Rows};
use crate::{AttentionPlan, attention, dropout, first_rows, gelu, layer_norm, linear};

/// [`super::transformer_block()`] for checked arguments.
pub(super) fn transformer_block(
    x: &Tensor, // (N,D)
    weights: &BlockWeights,
    plan: &BlockPlan,
    looks: &AttentionPlan,
) -> Result<Tensor> {
    let asking = match plan.rows {
        Rows::All => x.clone(),
        Rows::First => first_rows(x, &plan.segments)?,
    }; // (M,D)
    let query = weights.query.linear(&asking)?; // (M,D)
    let (key, value) = (weights.key.linear(x)?, weights.value.linear(x)?); // (N,D)
    let attended = weights.output.linear(&attention(&query, &key, &value, looks)?)?; // (M,D)
    let inner = weights.attention_norm.norm(&(attended + asking)?, plan.eps)?; // (M,D)
    let wide = gelu(&weights.widen.linear(&inner)?)?; // (M,F)
    let narrow = weights.narrow.linear(&wide)?; // (M,D)
    let kept = match &plan.dropout {
        Some(rule) => dropout(&narrow, rule)?,
        None => narrow,
    };
    weights.feed_forward_norm.norm(&(kept + inner)?, plan.eps)
}

impl Affine {
    fn linear(&self, x: &Tensor) -> Result<Tensor> {
        linear(x, self.weight.value(), self.bias.value())
    }

    fn norm(&self, x: &Tensor, eps: f64) -> Result<Tensor> {
        layer_norm(x, self.weight.value(), self.bias.value(), eps)
    }
}
