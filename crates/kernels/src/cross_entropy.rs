//! The loss of a classifier: cross-entropy, summed over the examples.
//!
//! A sum, not a mean: shares of a batch differ in size from rank to rank, so the division by the
//! global number of examples comes once, after the gradients were summed. The rows are few and
//! short; they are computed in f64, one after the other.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::cpu::values::{Reading, gradient, stored};
use crate::{cpu, plain, shapes};

/// `Σ (log Σ exp(logits) - logits[label])` over the B rows of `logits` (B,K); a scalar.
///
/// # Errors
/// When there is not one label a row or a label is not below K.
pub fn summed_cross_entropy(logits: &Tensor, labels: &[u32]) -> Result<Tensor> {
    let (rows, classes) = shapes::matrix("cross_entropy", "logits", logits)?;
    shapes::equal("cross_entropy", "the numbers of labels and rows", labels.len(), rows)?;
    shapes::all_below("cross_entropy", "label", labels, classes)?;
    if cpu::takes(&[logits]) {
        logits.contiguous()?.apply_op1(CrossEntropy { labels: labels.into() })
    } else {
        plain::summed_cross_entropy(logits, labels)
    }
}

struct CrossEntropy {
    labels: Vec<u32>, // (B), each below K
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let logits = stored(logits, layout)?;
        let classes = layout.shape().dims2()?.1;
        let losses = logits.chunks_exact(classes).zip(&self.labels).map(|(row, &label)| {
            let (top, normaliser) = log_of_sum(row);
            normaliser.ln() + top - f64::from(row[label as usize])
        });
        #[expect(clippy::cast_possible_truncation, reason = "the result has the logits' type")]
        let loss = losses.sum::<f64>() as f32;
        Ok((CpuStorage::F32(vec![loss]), Shape::from(())))
    }

    /// `d loss / d logit = softmax(logits) - 1 at the label`.
    fn bwd(&self, logits: &Tensor, _loss: &Tensor, dloss: &Tensor) -> Result<Option<Tensor>> {
        let (classes, scale) = (logits.dim(1)?, f64::from(dloss.to_scalar::<f32>()?));
        let values = Reading::of(logits)?;
        let rows = values.chunks_exact(classes).zip(&self.labels);
        let gradients = |(row, &label): (&[f32], &u32)| gradients(row, label, scale);
        gradient(logits, || rows.flat_map(gradients).collect())
    }
}

/// The largest logit and the sum of the exponentials of their distances to it.
fn log_of_sum(row: &[f32]) -> (f64, f64) {
    let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    (top, row.iter().map(|&logit| (f64::from(logit) - top).exp()).sum())
}

#[expect(clippy::cast_possible_truncation, reason = "a gradient has the logits' type")]
fn gradients(row: &[f32], label: u32, scale: f64) -> Vec<f32> {
    let (top, normaliser) = log_of_sum(row);
    let share = |logit: f32| (f64::from(logit) - top).exp() / normaliser;
    let target = |class: usize| if class == label as usize { 1.0 } else { 0.0 };
    let gradient = |(class, &logit): (usize, &f32)| (scale * (share(logit) - target(class))) as f32;
    row.iter().enumerate().map(gradient).collect()
}
