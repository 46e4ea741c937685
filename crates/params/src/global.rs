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

/// Gradients summed over all processes, of some parameters or of all.
#[derive(Debug, Default)]
pub struct GlobalSums(BTreeMap<ParamName, Gradient>);

impl GlobalSums {
    pub(crate) fn new(sums: BTreeMap<ParamName, Gradient>) -> Self {
        Self(sums)
    }

    /// Adds the sums of further parameters.
    pub fn join(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether this parameter's sum is here.
    #[must_use]
    pub fn contains(&self, name: &ParamName) -> bool {
        self.0.contains_key(name)
    }

    /// The gradients of the mean over the global number of `examples`.
    #[must_use]
    pub fn mean(self, examples: usize) -> GlobalGradients {
        GlobalGradients { sums: self.0, factor: 1.0 / examples as f64 }
    }
}

impl GlobalGradients {
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
