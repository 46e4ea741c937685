//! The layers of a classifier, from tokens to logits.

use crate::encoder::Encoder;
use crate::head::Head;
use crate::layers::{Purpose, Scope, Weights};
use crate::pass::Pass;
use crate::{EncoderConfig, HeadKind, Input, Logits, ModelError};

/// The layers.
#[derive(Debug)]
pub(crate) struct Network {
    encoder: Encoder,
    head: Head,
}

impl Network {
    /// The logits of a packed batch, (B, K).
    pub(crate) fn logits(&self, input: &Input<'_>, pass: &Pass<'_>) -> Result<Logits, ModelError> {
        let states = self.encoder.forward(input, pass)?; // (B, D)
        Ok(Logits::new(self.head.forward(&states, &pass.masks)?))
    }

    /// The layers over the weights, for a purpose.
    pub(crate) fn of(
        config: &EncoderConfig,
        head: HeadKind,
        weights: Weights<'_>,
        purpose: Purpose,
    ) -> Result<Self, ModelError> {
        let below = |prefix| Scope::new(weights, purpose, prefix);
        Ok(Self {
            encoder: Encoder::of(config, &below(config.family.encoder_prefix(head)))?,
            head: Head::of(config.family, head, &below(""))?,
        })
    }
}
