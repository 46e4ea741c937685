//! Gradients of the mean loss over the global batch: the only kind an optimiser takes.

use std::collections::BTreeMap;

use lockstep_kernels::Gradient;

use crate::ParamName;

/// One gradient for each parameter, equal on all processes.
///
/// Kept as sums and one factor, so that neither the division by the number of examples nor
/// clipping walks over the memory: whoever reads a gradient multiplies by the factor.
#[derive(Debug)]
pub struct GlobalGradients {
    sums: BTreeMap<ParamName, Gradient>,
    factor: f64,
}

impl GlobalGradients {
    pub(crate) fn of_sums(sums: BTreeMap<ParamName, Gradient>, examples: usize) -> Self {
        Self { sums, factor: 1.0 / examples as f64 }
    }

    /// One gradient: sums, and the factor to multiply it by.
    #[must_use]
    pub fn get(&self, name: &ParamName) -> Option<(&Gradient, f64)> {
        self.sums.get(name).map(|sum| (sum, self.factor))
    }

    /// The Euclidean norm over all gradients together.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn norm(&self) -> candle_core::Result<f64> {
        let mut squares = 0.0_f64;
        for sum in self.sums.values() {
            squares += sum.sum_of_squares()?;
        }
        Ok(self.factor * squares.sqrt())
    }

    /// The same gradients times `scale`.
    #[must_use]
    pub fn scaled(self, scale: f64) -> Self {
        Self { factor: self.factor * scale, ..self }
    }
}
