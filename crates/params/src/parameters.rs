//! The weights of a model, in the order of their names.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use lockstep_collective::Collective;
use lockstep_kernels::{Gradient, Weight};

use crate::in_place::{see_values, with_values};
use crate::{GradientLayout, ParamName, ParameterInfo, ReductionError};

/// Trainable tensors by name. A clone shares the tensors.
#[derive(Clone, Debug, Default)]
pub struct Parameters(BTreeMap<ParamName, Parameter>);

/// A trainable tensor.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) variable: Var,
    pub(crate) weight: Weight,
    pub(crate) info: ParameterInfo,
}

/// A set of tensors that does not fit the parameters it was meant for.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// A parameter has no counterpart.
    #[error("tensor `{name}` is missing")]
    Missing {
        /// The parameter.
        name: ParamName,
    },
    /// A counterpart has another shape.
    #[error("tensor `{name}` has shape {found:?}, but {expected:?} is needed")]
    Shape {
        /// The parameter.
        name: ParamName,
        /// The shape that the model needs.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// Two parameters share a name.
    #[error("parameter `{name}` is defined twice")]
    Duplicate {
        /// The parameter.
        name: ParamName,
    },
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl Parameters {
    /// Adds a parameter that starts as `value`.
    ///
    /// # Errors
    /// [`ParameterError::Duplicate`] when the name is taken.
    pub fn insert(
        &mut self,
        name: ParamName,
        value: &Tensor,
        info: ParameterInfo,
    ) -> Result<(), ParameterError> {
        if self.0.contains_key(&name) {
            return Err(ParameterError::Duplicate { name });
        }
        let variable = Var::from_tensor(value)?;
        let weight = Weight::new(variable.as_tensor().clone());
        self.0.insert(name, Parameter { variable, weight, info });
        Ok(())
    }

    /// All parameters, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ParamName, &Var)> {
        self.0.iter().map(|(name, parameter)| (name, &parameter.variable))
    }

    /// One parameter.
    #[must_use]
    pub fn get(&self, name: &ParamName) -> Option<&Var> {
        self.0.get(name).map(|parameter| &parameter.variable)
    }

    /// One parameter, to use in a graph.
    #[must_use]
    pub fn weight(&self, name: &ParamName) -> Option<&Weight> {
        self.0.get(name).map(|parameter| &parameter.weight)
    }

    /// Adds the gradients of `store` to the parameters' sums. Fused kernels have added theirs
    /// there already.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn add_gradients(&self, mut store: GradStore) -> Result<(), candle_core::Error> {
        for parameter in self.0.values() {
            if let Some(gradient) = store.remove(&parameter.variable) {
                parameter.weight.add_gradient(Gradient::Dense(gradient.contiguous()?))?;
            }
        }
        Ok(())
    }

    /// Drops the sums of gradients that were never taken, as a failed update leaves them.
    pub fn forget_gradients(&self) {
        self.0.values().for_each(|parameter| drop(parameter.weight.take_gradient()));
    }

    /// The number of tensors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no parameter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of scalars in all tensors.
    #[must_use]
    pub fn scalars(&self) -> usize {
        self.iter().map(|(_, variable)| variable.elem_count()).sum()
    }

    /// Overwrites each parameter with the tensor `source` gives for its name.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape; parameters before it are overwritten then.
    pub fn assign(
        &self,
        mut source: impl FnMut(&ParamName) -> Option<Tensor>,
    ) -> Result<(), ParameterError> {
        for (name, variable) in self.iter() {
            let missing = || ParameterError::Missing { name: name.clone() };
            let value = source(name).ok_or_else(missing)?;
            if value.dims() != variable.dims() {
                return Err(ParameterError::Shape {
                    name: name.clone(),
                    expected: variable.dims().to_vec(),
                    found: value.dims().to_vec(),
                });
            }
            variable.set(&value.to_device(variable.device())?)?;
        }
        Ok(())
    }

    /// Shows each parameter's scalars to `change`, in the order of the names; what it writes stays.
    ///
    /// # Errors
    /// The first error of `change`, or the tensor library's.
    pub fn change_each<E: From<candle_core::Error>>(
        &self,
        mut change: impl FnMut(&mut [f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.iter().try_for_each(|(_, variable)| with_values(variable, &mut change))
    }

    /// Shows each parameter's scalars to `see`, in the order of the names.
    ///
    /// # Errors
    /// The first error of `see`, or the tensor library's.
    pub fn see_each<E: From<candle_core::Error>>(
        &self,
        mut see: impl FnMut(&ParamName, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.iter()
            .try_for_each(|(name, variable)| see_values(variable, |values| see(name, values)))
    }

    /// Gives each rank the other ranks' shards of all matrices, after each rank changed its own
    /// shard. On a GPU every rank changes the whole matrix, and nothing is sent.
    ///
    /// # Errors
    /// [`ReductionError`] when a rank is lost, or the tensor library fails.
    pub fn gather_shards(&self, collective: &mut dyn Collective) -> Result<(), ReductionError> {
        let is_sharded = |one: &&Parameter| {
            one.info.layout == GradientLayout::Matrix && one.variable.device().is_cpu()
        };
        self.0.values().filter(is_sharded).try_for_each(|one| {
            with_values(&one.variable, &mut |values| Ok(collective.all_gather_shards(values)?))
        })
    }

    /// All parameters with their facts, by name.
    pub fn with_info(&self) -> impl Iterator<Item = (&ParamName, &Var, ParameterInfo)> {
        self.0.iter().map(|(name, parameter)| (name, &parameter.variable, parameter.info))
    }

    /// The facts about one parameter.
    #[must_use]
    pub fn info(&self, name: &ParamName) -> Option<ParameterInfo> {
        self.0.get(name).map(|parameter| parameter.info)
    }

    /// Where the parameters live; the CPU when there are none.
    #[must_use]
    pub fn device(&self) -> Device {
        self.iter().next().map_or(Device::Cpu, |(_, variable)| variable.device().clone())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&ParamName, &Parameter)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Parameters {
        let mut all = Parameters::default();
        for name in ["b", "a", "c"] {
            all.insert(
                name.into(),
                &Tensor::zeros((2, 3), candle_core::DType::F32, &Device::Cpu).unwrap(),
                ParameterInfo::new(GradientLayout::Matrix),
            )
            .unwrap();
        }
        all
    }

    #[test]
    fn the_order_is_that_of_the_names() {
        let all = parameters();
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str().to_owned()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(all.scalars(), 18);
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut all = parameters();
        let again = Tensor::zeros((2, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
        let error =
            all.insert("a".into(), &again, ParameterInfo::new(GradientLayout::Matrix)).unwrap_err();
        assert_eq!(error.to_string(), "parameter `a` is defined twice");
    }

    #[test]
    fn assigning_checks_presence_and_shape() {
        let all = parameters();
        let error = all.assign(|_| None).unwrap_err();
        assert_eq!(error.to_string(), "tensor `a` is missing");
        let odd = Tensor::zeros((3, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        let error = all.assign(|_| Some(odd.clone())).unwrap_err();
        assert_eq!(error.to_string(), "tensor `a` has shape [3, 2], but [2, 3] is needed");
    }

    #[test]
    fn changes_stay_and_are_seen_by_the_graph() {
        let mut all = Parameters::default();
        let start = Tensor::new(&[1_f32, 2.0], &Device::Cpu).unwrap();
        all.insert("w".into(), &start, ParameterInfo::new(GradientLayout::Vector)).unwrap();
        let in_graph = all.weight(&"w".into()).unwrap().value();
        let double = |values: &mut [f32]| -> Result<(), candle_core::Error> {
            values.iter_mut().for_each(|value| *value *= 2.0);
            Ok(())
        };
        all.change_each(double).unwrap();
        assert_eq!(in_graph.to_vec1::<f32>().unwrap(), [2.0, 4.0]);
    }
}
