//! A model's configuration in the terms of recorded programs.

use lockstep_model::{DropoutRates, EncoderConfig, HeadActivation, HeadKind};
use lockstep_program::{Activation, DropRates, ModelShape};

/// The sizes of a model as recorded programs see them.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the kernels' epsilon is an f32")]
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
        activation: match config.family.head_activation(head) {
            HeadActivation::Gelu => Activation::Gelu,
            HeadActivation::Relu => Activation::Relu,
            HeadActivation::Tanh => Activation::Tanh,
        },
        dropout: DropRates {
            hidden: rates.hidden,
            attention: rates.attention,
            attention_output: rates.attention_output,
            head: rates.head,
        },
        epsilon: config.epsilon as f32,
    }
}
