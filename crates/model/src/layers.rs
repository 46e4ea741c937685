//! The two parametrised layers everything is made of.

use candle_core::Tensor;
use lockstep_kernels::{self as kernels, Affine, Weight};
use lockstep_params::{Fixed, ParamName, ParameterError, Parameters};

use crate::ModelError;

/// Looks parameters up by their name below a prefix.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    weights: Weights<'a>,
    purpose: Purpose,
    prefix: String,
}

/// What layers are made of.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub(crate) parameters: &'a Parameters,
    /// What does not learn.
    pub(crate) fixed: &'a Fixed,
}

/// What layers are made for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Passes that leave a graph behind, for the backward.
    Learning,
    /// Passes that keep nothing.
    Inference,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(weights: Weights<'a>, purpose: Purpose, prefix: &str) -> Self {
        Self { weights, purpose, prefix: prefix.to_owned() }
    }

    pub(crate) fn below(&self, name: &str) -> Self {
        Self { prefix: format!("{}{name}.", self.prefix), ..self.clone() }
    }

    pub(crate) fn weight(&self, name: &str) -> Result<Weight, ModelError> {
        let name = ParamName::from(format!("{}{name}", self.prefix));
        let missing = || ParameterError::Missing { name: name.clone() };
        let weight = self.weights.parameters.weight(&name).ok_or_else(missing)?;
        Ok(match self.purpose {
            Purpose::Learning => weight.clone(),
            Purpose::Inference => weight.frozen(),
        })
    }

    /// A tensor that does not learn, if there is one of this name.
    pub(crate) fn fixed(&self, name: &str) -> Option<&'a Tensor> {
        self.weights.fixed.tensor(&ParamName::from(format!("{}{name}", self.prefix)))
    }

    /// A weight and the bias beside it.
    pub(crate) fn affine(&self) -> Result<Affine, ModelError> {
        Ok(Affine { weight: self.weight("weight")?, bias: self.weight("bias")? })
    }
}

/// `y = x W^T + b`.
#[derive(Debug)]
pub(crate) struct Linear(Affine); // (O, I) and (O)

impl Linear {
    pub(crate) fn of(scope: &Scope<'_>) -> Result<Self, ModelError> {
        scope.affine().map(Self)
    }

    /// (N, I) -> (N, O)
    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        kernels::linear(x, self.0.weight.value(), self.0.bias.value())
    }
}

/// Layer norm over the width.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    affine: Affine, // (D) and (D)
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn of(scope: &Scope<'_>, epsilon: f64) -> Result<Self, ModelError> {
        Ok(Self { affine: scope.affine()?, epsilon })
    }

    /// (N, D) -> (N, D)
    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let Affine { weight, bias } = &self.affine;
        kernels::layer_norm(x, weight.value(), bias.value(), self.epsilon)
    }
}

/// Drops where there is a mask.
pub(crate) fn dropout(x: Tensor, mask: Option<&kernels::Dropout>) -> candle_core::Result<Tensor> {
    match mask {
        Some(mask) => kernels::dropout(&x, mask),
        None => Ok(x),
    }
}
