//! Which heads there are, and what their tensors are named in a file.

use serde::{Deserialize, Serialize};

/// Which classifier stands on the encoder. The serde names are those in checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeadKind {
    /// Linear(D, D/2), GELU, dropout, Linear(D/2, K): the recipe's.
    #[serde(rename = "mlp")]
    Mlp,
    /// Linear(D, D), ReLU, dropout, Linear(D, K): `DistilBertForSequenceClassification`'s.
    #[serde(rename = "hf")]
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
