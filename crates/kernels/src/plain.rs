//! Every operation composed of candle's own differentiable operations.
//!
//! This is the oracle of the other ways, and, but for attention and dropout, the way itself for any
//! device and type without a fused kernel: it is written to be compared with the formula, not to be
//! fast. Arguments are checked by the
//! functions of the crate's root; here candle's own errors are enough.

use std::ops::Range;

use candle_core::{DType, Result, Tensor, Var};

use crate::attention::{composed_softmax, first_element};
use crate::{AdamWUpdate, AttentionPlan, Criterion, Dropout, Segments};

/// [`crate::embedding()`] as two gathers and a sum.
///
/// # Errors
/// When candle refuses the shapes or an index.
pub fn embedding(
    words: &Tensor,
    places: &Tensor,
    ids: &[u32],
    positions: &[u32],
) -> Result<Tensor> {
    let device = words.device();
    let words = words.index_select(&Tensor::new(ids, device)?, 0)?; // (N,D)
    words + places.index_select(&Tensor::new(positions, device)?, 0)?
}

/// [`crate::linear()`] as a matrix product and a sum.
///
/// # Errors
/// When candle refuses the shapes.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)?.broadcast_add(bias)
}

/// [`crate::layer_norm()`] as means, differences and products.
///
/// # Errors
/// When candle refuses the shapes.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(1)?)?; // (N,D)
    let variance = centred.sqr()?.mean_keepdim(1)?; // (N,1)
    let normal = centred.broadcast_div(&(variance + eps)?.sqrt()?)?; // (N,D)
    normal.broadcast_mul(gamma)?.broadcast_add(beta)
}

/// [`crate::gelu()`] from candle's erf; the gradient of its `gelu_erf` is right to six digits only.
///
/// # Errors
/// When candle refuses the type.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    let erf = (x * std::f64::consts::FRAC_1_SQRT_2)?.erf()?;
    x * ((erf + 1.0)? * 0.5)?
}

/// [`crate::dropout()`] as a product with a mask made on the host.
///
/// # Errors
/// When candle refuses the shapes.
pub fn dropout(x: &Tensor, dropout: &Dropout) -> Result<Tensor> {
    x * mask(dropout, &(0..x.dim(0)?), 0, x)?
}

/// [`crate::attention()`] segment by segment and head by head.
///
/// # Errors
/// When candle refuses the shapes.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, plan: &AttentionPlan) -> Result<Tensor> {
    let width = q.dim(1)? / plan.heads;
    let mut segments = Vec::with_capacity(plan.queries.len());
    for (queries, keys) in plan.queries.iter().zip(plan.keys.iter()) {
        if queries.is_empty() {
            continue;
        }
        let heads = (0..plan.heads).map(|head| {
            let part = |x: &Tensor, rows: &Range<usize>| {
                x.narrow(0, rows.start, rows.len())?.narrow(1, head * width, width)?.contiguous()
            };
            let scores = part(q, &queries)?.matmul(&part(k, &keys)?.t()?)?; // (queries, keys)
            let probabilities = composed_softmax(&(scores / (width as f64).sqrt())?)?;
            let kept = match &plan.dropout {
                Some(dropout) => (&probabilities * mask(dropout, &queries, head, &probabilities)?)?,
                None => probabilities,
            };
            kept.matmul(&part(v, &keys)?)
        });
        segments.push(Tensor::cat(&heads.collect::<Result<Vec<_>>>()?, 1)?);
    }
    if segments.is_empty() { Ok(q.clone()) } else { Tensor::cat(&segments, 0) }
}

/// [`crate::first_rows()`] as a gather.
///
/// # Errors
/// When candle refuses the shapes.
pub fn first_rows(x: &Tensor, segments: &Segments) -> Result<Tensor> {
    let starts: Vec<_> = segments.iter().map(|rows| rows.start as i64).collect();
    x.index_select(&Tensor::new(starts, x.device())?, 0)
}

/// [`crate::summed_cross_entropy()`] as a product of targets and logarithms of probabilities.
///
/// # Errors
/// When candle refuses the shapes.
pub fn summed_cross_entropy(
    logits: &Tensor,
    labels: &[u32],
    criterion: &Criterion,
) -> Result<Tensor> {
    if labels.is_empty() {
        // Candle finds no maximum of nothing; the sum of nothing is a differentiable 0.
        return logits.sum_all();
    }
    let classes = logits.dim(1)?;
    let targets = labels.iter().flat_map(|&label| criterion.targets(label as usize, classes));
    #[expect(clippy::cast_possible_truncation, reason = "a target has the logits' type")]
    let targets = Tensor::from_iter(targets.map(|target| target as f32), logits.device())?;
    let targets = targets.reshape(logits.shape())?.to_dtype(logits.dtype())?; // (B,K)
    let top = logits.max_keepdim(1)?.detach(); // (B,1)
    let shifted = logits.broadcast_sub(&top)?; // (B,K)
    let normaliser = shifted.exp()?.sum_keepdim(1)?.log()?; // (B,1)
    (targets * normaliser.broadcast_sub(&shifted)?)?.sum_all()
}

/// [`crate::sum_of_squares()`] as a conversion, a square and a sum.
///
/// # Errors
/// When candle refuses the type.
pub fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    tensor.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar()
}

/// [`crate::adamw()`] line by line as in PyTorch.
///
/// # Errors
/// When candle refuses the shapes.
pub fn adamw(
    weight: &Var,
    gradient: &Tensor,
    first: &Var,
    second: &Var,
    update: &AdamWUpdate,
) -> Result<()> {
    let AdamWUpdate { beta1, beta2, rate, .. } = *update;
    let step = update.step as f64;
    let gradient = (gradient.detach() * update.gradient_scale)?;
    let decayed = (weight.as_detached_tensor() * (1.0 - rate * update.weight_decay))?;
    let old = first.as_detached_tensor();
    first.set(&(&old + ((&gradient - &old)? * (1.0 - beta1))?)?)?;
    let squares = (gradient.sqr()? * (1.0 - beta2))?;
    second.set(&((second.as_detached_tensor() * beta2)? + squares)?)?;
    let correction = (1.0 - beta2.powf(step)).sqrt();
    let denominator = ((second.as_detached_tensor().sqrt()? / correction)? + update.epsilon)?;
    let size = rate / (1.0 - beta1.powf(step));
    weight.set(&(decayed - ((first.as_detached_tensor() * size)? / denominator)?)?)
}

/// The factors of some rows, from the first element of a head on, for a matrix like `x`.
fn mask(dropout: &Dropout, rows: &Range<usize>, head: usize, x: &Tensor) -> Result<Tensor> {
    let first = first_element(head);
    let elements = first..first + u32::try_from(x.dim(1)?)?;
    let factors = rows.clone().flat_map(|row| {
        let mask = dropout.row(row);
        elements.clone().map(move |element| mask.factor(element))
    });
    Tensor::from_iter(factors, x.device())?.reshape(x.shape())?.to_dtype(x.dtype())
}
