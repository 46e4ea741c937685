//! The two heads: the recipe's own, and the one Hugging Face's classes know.

use candle_core::Tensor;
use lockstep_kernels::{self as kernels, Rows};
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::layers::{Linear, Scope, dropout};
use crate::masks::{Masks, Site};

/// Which classifier stands on the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadKind {
    /// Linear(D, D/2), GELU, dropout, Linear(D/2, K): the recipe's.
    Mlp,
    /// Linear(D, D), ReLU, dropout, Linear(D, K): `DistilBertForSequenceClassification`'s.
    Hf,
}

impl HeadKind {
    /// What the encoder's tensors are prefixed with in a checkpoint with this head.
    #[must_use]
    pub fn encoder_prefix(self) -> &'static str {
        match self {
            Self::Mlp => "bert.",
            Self::Hf => "distilbert.",
        }
    }

    /// The names of the two layers.
    #[must_use]
    pub fn layers(self) -> [&'static str; 2] {
        match self {
            Self::Mlp => ["classifier.0", "classifier.3"],
            Self::Hf => ["pre_classifier", "classifier"],
        }
    }

    /// The width between the two layers.
    #[must_use]
    pub fn inner_width(self, width: usize) -> usize {
        match self {
            Self::Mlp => width / 2,
            Self::Hf => width,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Head {
    kind: HeadKind,
    first: Linear,  // D -> D/2 or D
    second: Linear, // -> K
}

impl Head {
    pub(crate) fn of(kind: HeadKind, scope: &Scope<'_>) -> Result<Self, ModelError> {
        let [first, second] = kind.layers();
        Ok(Self {
            kind,
            first: Linear::of(&scope.below(first))?,
            second: Linear::of(&scope.below(second))?,
        })
    }

    /// (B, D) -> (B, K)
    pub(crate) fn forward(&self, x: &Tensor, masks: &Masks<'_>) -> candle_core::Result<Tensor> {
        let inner = self.first.forward(x)?;
        let inner = match self.kind {
            HeadKind::Mlp => kernels::gelu(&inner)?,
            HeadKind::Hf => inner.relu()?,
        };
        let mask = masks.at(Site::Head, Rows::First);
        self.second.forward(&dropout(inner, mask.as_ref())?)
    }
}
