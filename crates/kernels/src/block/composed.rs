//! The block composed of this crate's operations: the way for any device and type.

use candle_core::{DType, Result, Tensor};

use super::{Affine, BlockPlan, BlockWeights, Rows};
use crate::{AttentionPlan, Precision, attention, dropout, first_rows, gelu, layer_norm, linear};

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
    let query = weights.query.linear(&asking, plan)?; // (M,D)
    let (key, value) = (weights.key.linear(x, plan)?, weights.value.linear(x, plan)?); // (N,D)
    let attended = weights.output.linear(&attention(&query, &key, &value, looks)?, plan)?; // (M,D)
    let inner = weights.attention_norm.norm(&(attended + asking)?, plan.eps)?; // (M,D)
    let wide = gelu(&weights.widen.linear(&inner, plan)?)?; // (M,F)
    let narrow = weights.narrow.linear(&wide, plan)?; // (M,D)
    let kept = match &plan.dropout {
        Some(rule) => dropout(&narrow, rule)?,
        None => narrow,
    };
    weights.feed_forward_norm.norm(&(kept + inner)?, plan.eps)
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
