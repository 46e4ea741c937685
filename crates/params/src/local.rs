//! Gradients as one process computed them: sums over its own examples.

use std::collections::BTreeMap;

use candle_core::Tensor;
use candle_core::backprop::GradStore;

use crate::in_place::with_values;
use crate::{GlobalGradients, ParamName, Parameters};

/// One gradient for each parameter, summed over this process's examples only.
#[derive(Debug)]
pub struct LocalGradients(BTreeMap<ParamName, Tensor>);

/// Why gradients could not be had.
#[derive(Debug, thiserror::Error)]
pub enum GradientError {
    /// The graph does not lead from the loss to these parameters.
    #[error(
        "no gradient reached {}: the graph between the loss and these parameters is cut, \
         so they would never learn; this is a bug of the model",
        list(names)
    )]
    Missing {
        /// The parameters.
        names: Vec<ParamName>,
    },
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

fn list(names: &[ParamName]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl LocalGradients {
    /// Takes the gradient of each parameter out of `store`.
    ///
    /// # Errors
    /// [`GradientError::Missing`] names every parameter without one.
    pub fn collect(parameters: &Parameters, mut store: GradStore) -> Result<Self, GradientError> {
        let mut gradients = BTreeMap::new();
        let mut names = Vec::new();
        for (name, variable) in parameters.iter() {
            match store.remove(variable) {
                Some(gradient) => drop(gradients.insert(name.clone(), gradient.contiguous()?)),
                None => names.push(name.clone()),
            }
        }
        if names.is_empty() { Ok(Self(gradients)) } else { Err(GradientError::Missing { names }) }
    }

    /// The gradients of a process that had no example in this update.
    ///
    /// # Errors
    /// The tensor library's, out of memory for example.
    pub fn zeros(parameters: &Parameters) -> Result<Self, GradientError> {
        let zero = |(name, variable): (&ParamName, &candle_core::Var)| {
            Ok((name.clone(), variable.as_tensor().zeros_like()?))
        };
        parameters.iter().map(zero).collect::<Result<_, _>>().map(Self)
    }

    /// Adds the gradients of a further micro-batch.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn add(&mut self, other: &Self) -> Result<(), GradientError> {
        for (name, sum) in &mut self.0 {
            if let Some(term) = other.0.get(name) {
                *sum = (&*sum + term)?;
            }
        }
        Ok(())
    }

    /// Sums over all processes with `all_reduce`, called once a parameter in the order of the
    /// names, and divides by the global number of `examples`.
    ///
    /// # Errors
    /// The first error of `all_reduce`, or the tensor library's.
    pub fn reduce<E: From<candle_core::Error>>(
        self,
        examples: usize,
        mut all_reduce: impl FnMut(&mut [f32]) -> Result<(), E>,
    ) -> Result<GlobalGradients, E> {
        self.0.values().try_for_each(|sum| with_values(sum, &mut all_reduce))?;
        Ok(GlobalGradients::of_sums(self.0, examples))
    }

    /// All gradients, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ParamName, &Tensor)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn two() -> (Parameters, Tensor, Tensor) {
        let mut all = Parameters::default();
        let a = all.insert("a".into(), &Tensor::new(&[1_f32, 2.0], &Device::Cpu).unwrap()).unwrap();
        let b = all.insert("b".into(), &Tensor::new(&[3_f32, 4.0], &Device::Cpu).unwrap()).unwrap();
        (all, a, b)
    }

    #[test]
    fn a_parameter_without_gradient_is_named() {
        let (all, a, _) = two();
        let store = a.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let error = LocalGradients::collect(&all, store).unwrap_err();
        assert!(error.to_string().starts_with("no gradient reached `b`:"), "{error}");
    }

    #[test]
    fn micro_batches_add_and_the_reduction_divides() {
        let (all, a, b) = two();
        let local = || {
            let store = (&a * &b).unwrap().sum_all().unwrap().backward().unwrap();
            LocalGradients::collect(&all, store).unwrap()
        };
        let mut sum = local();
        sum.add(&local()).unwrap();
        let double = |values: &mut [f32]| -> candle_core::Result<()> {
            values.iter_mut().for_each(|value| *value *= 2.0);
            Ok(())
        };
        let global = sum.reduce(4, double).unwrap();
        // Twice (3, 4), doubled by the reduction, over 4 examples.
        let (tensor, factor) = global.get(&"a".into()).unwrap();
        assert_eq!(tensor.to_vec1::<f32>().unwrap(), [12.0, 16.0]);
        assert!((factor - 0.25).abs() < 1e-12);
    }
}
