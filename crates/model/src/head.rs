//! The heads: the recipe's own, and those that Hugging Face's classes know.

use candle_core::Tensor;
use lockstep_kernels::{self as kernels, Rows};

use crate::layers::{Linear, Scope, dropout};
use crate::masks::{Masks, Site};
use crate::{Family, HeadActivation, HeadKind, ModelError};

#[derive(Debug)]
pub(crate) struct Head {
    activation: HeadActivation,
    first: Linear,  // D -> D/2 or D
    second: Linear, // -> K
}

impl Head {
    pub(crate) fn of(
        family: Family,
        kind: HeadKind,
        scope: &Scope<'_>,
    ) -> Result<Self, ModelError> {
        let [first, second] = family.head_layers(kind);
        Ok(Self {
            activation: family.head_activation(kind),
            first: Linear::of(&scope.below(first))?,
            second: Linear::of(&scope.below(second))?,
        })
    }

    /// (B, D) -> (B, K)
    pub(crate) fn forward(&self, x: &Tensor, masks: &Masks<'_>) -> candle_core::Result<Tensor> {
        let inner = self.first.forward(x)?;
        let inner = match self.activation {
            HeadActivation::Gelu => kernels::gelu(&inner)?,
            HeadActivation::Relu => inner.relu()?,
            HeadActivation::Tanh => inner.tanh()?,
        };
        let mask = masks.at(Site::Head, Rows::First);
        self.second.forward(&dropout(inner, mask.as_ref())?)
    }
}
