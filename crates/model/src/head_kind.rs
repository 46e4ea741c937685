//! Which heads there are.

use serde::{Deserialize, Serialize};

/// Which classifier stands on the encoder. The serde names are those in checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeadKind {
    /// Linear(D, D/2), GELU, dropout, Linear(D/2, K): the recipe's.
    #[serde(rename = "mlp")]
    Mlp,
    /// Linear(D, D), an activation, dropout, Linear(D, K): that of the family's class
    /// `…ForSequenceClassification`, with ReLU for DistilBERT and tanh for BERT and RoBERTa.
    #[serde(rename = "hf")]
    Hf,
}

impl HeadKind {
    /// The width between the two layers.
    #[must_use]
    pub fn inner_width(self, width: usize) -> usize {
        match self {
            Self::Mlp => width / 2,
            Self::Hf => width,
        }
    }
}
