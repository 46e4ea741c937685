//! The two parametrised layers everything is made of.

use candle_core::Tensor;
use lockstep_kernels as kernels;
use lockstep_params::{ParamName, ParameterError, Parameters};

use crate::ModelError;

/// Looks parameters up by their name below a prefix.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    parameters: &'a Parameters,
    prefix: String,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(parameters: &'a Parameters, prefix: &str) -> Self {
        Self { parameters, prefix: prefix.to_owned() }
    }

    pub(crate) fn below(&self, name: &str) -> Self {
        Self { parameters: self.parameters, prefix: format!("{}{name}.", self.prefix) }
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<Tensor, ModelError> {
        let name = ParamName::from(format!("{}{name}", self.prefix));
        let missing = || ParameterError::Missing { name: name.clone() };
        Ok(self.parameters.get(&name).ok_or_else(missing)?.as_tensor().clone())
    }
}

/// `y = x W^T + b`.
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Tensor, // (O, I)
    bias: Tensor,   // (O)
}

impl Linear {
    pub(crate) fn of(scope: &Scope<'_>) -> Result<Self, ModelError> {
        Ok(Self { weight: scope.tensor("weight")?, bias: scope.tensor("bias")? })
    }

    /// (N, I) -> (N, O)
    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        kernels::linear(x, &self.weight, &self.bias)
    }
}

/// Layer norm over the width, with BERT's epsilon.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    gamma: Tensor, // (D)
    beta: Tensor,  // (D)
}

impl LayerNorm {
    const EPSILON: f64 = 1e-12;

    pub(crate) fn of(scope: &Scope<'_>) -> Result<Self, ModelError> {
        Ok(Self { gamma: scope.tensor("weight")?, beta: scope.tensor("bias")? })
    }

    /// (N, D) -> (N, D)
    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        kernels::layer_norm(x, &self.gamma, &self.beta, Self::EPSILON)
    }
}

/// Drops where there is a mask.
pub(crate) fn dropout(x: Tensor, mask: Option<&kernels::Dropout>) -> candle_core::Result<Tensor> {
    match mask {
        Some(mask) => kernels::dropout(&x, mask),
        None => Ok(x),
    }
}
