//! What a forward pass gives, and the loss made of it.

use candle_core::{DType, Tensor};
use lockstep_kernels::{self as kernels, Criterion};

/// One score a class for each example, (B, K).
#[derive(Debug)]
pub struct Logits(Tensor);

/// The sum of the examples' losses, with the graph behind it.
///
/// A sum and not a mean, because the shares of several ranks may differ in size: it is divided
/// once, by the weight of the global batch.
#[derive(Debug)]
pub struct Loss(pub(crate) Tensor);

impl Logits {
    pub(crate) fn new(scores: Tensor) -> Self {
        Self(scores)
    }

    /// Cross-entropy against the true classes, (B), summed.
    ///
    /// # Errors
    /// When a label is no class, there are more or fewer labels than examples, or the criterion has
    /// weights of more or fewer classes.
    pub fn summed_cross_entropy(
        &self,
        labels: &[u32],
        criterion: &Criterion,
    ) -> candle_core::Result<Loss> {
        kernels::summed_cross_entropy(&self.0, labels, criterion).map(Loss)
    }

    /// The scores, example by example.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn values(&self) -> candle_core::Result<Vec<Vec<f32>>> {
        self.0.to_dtype(DType::F32)?.to_vec2()
    }
}

impl Loss {
    /// The sum.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn value(&self) -> candle_core::Result<f64> {
        Ok(f64::from(self.0.to_dtype(DType::F32)?.to_scalar::<f32>()?))
    }
}
