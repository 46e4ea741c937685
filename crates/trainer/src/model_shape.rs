//! A model's configuration in the terms of recorded programs.

use lockstep_model::{DropoutRates, EncoderConfig, HeadKind};
use lockstep_program::{Activation, DropRates, ModelShape};

/// The sizes of a model as recorded programs see them.
#[must_use]
pub fn model_shape(
    config: &EncoderConfig,
    head: HeadKind,
    classes: usize,
    rates: DropoutRates,
) -> ModelShape {
    ModelShape {
        vocabulary: config.vocabulary,
        positions: config.positions,
        width: config.width,
        heads: config.heads,
        feed_forward: config.feed_forward,
        blocks: config.blocks,
        inner: head.inner_width(config.width),
        classes,
        activation: match head {
            HeadKind::Mlp => Activation::Gelu,
            HeadKind::Hf => Activation::Relu,
        },
        dropout: DropRates { hidden: rates.hidden, attention: rates.attention, head: rates.head },
        epsilon: 1e-12,
    }
}
