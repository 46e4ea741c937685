//! The loss of a classifier: cross-entropy, summed over the examples.
//!
//! A sum, not a mean: shares of a batch differ in size from rank to rank, so the division by the
//! weight of the global batch comes once, after the gradients were summed. The rows are few and
//! short; they are computed in f64, one after the other.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::cpu::values::{Reading, gradient, stored};
use crate::{Criterion, cpu, plain, shapes};

/// The sum of the losses that `criterion` gives to the B rows of `logits` (B,K); a scalar.
///
/// # Errors
/// When there is not one label a row, a label is not below K, or there are weights of other than K
/// classes.
pub fn summed_cross_entropy(
    logits: &Tensor,
    labels: &[u32],
    criterion: &Criterion,
) -> Result<Tensor> {
    let (rows, classes) = shapes::matrix("cross_entropy", "logits", logits)?;
    shapes::equal("cross_entropy", "the numbers of labels and rows", labels.len(), rows)?;
    shapes::all_below("cross_entropy", "label", labels, classes)?;
    if let weights @ 1.. = criterion.weights().len() {
        shapes::equal("cross_entropy", "the numbers of weights and classes", weights, classes)?;
    }
    if cpu::takes(&[logits]) {
        logits
            .contiguous()?
            .apply_op1(CrossEntropy { labels: labels.into(), criterion: criterion.clone() })
    } else {
        plain::summed_cross_entropy(logits, labels, criterion)
    }
}

struct CrossEntropy {
    labels: Vec<u32>, // (B), each below K
    criterion: Criterion,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let logits = stored(logits, layout)?;
        let classes = layout.shape().dims2()?.1;
        let rows = logits.chunks_exact(classes).zip(&self.labels);
        let losses = rows.map(|(row, &label)| self.criterion.loss(row, label as usize));
        #[expect(clippy::cast_possible_truncation, reason = "the result has the logits' type")]
        let loss = losses.sum::<f64>() as f32;
        Ok((CpuStorage::F32(vec![loss]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, dloss: &Tensor) -> Result<Option<Tensor>> {
        let (classes, scale) = (logits.dim(1)?, f64::from(dloss.to_scalar::<f32>()?));
        let values = Reading::of(logits)?;
        #[expect(clippy::cast_possible_truncation, reason = "a gradient has the logits' type")]
        let rounded = |gradient: f64| (scale * gradient) as f32;
        gradient(logits, || {
            let mut all = Vec::with_capacity(values.len());
            for (row, &label) in values.chunks_exact(classes).zip(&self.labels) {
                all.extend(self.criterion.gradient(row, label as usize).map(rounded));
            }
            all
        })
    }
}
