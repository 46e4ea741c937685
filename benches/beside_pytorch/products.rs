//! Which matrix products an update consists of, and how many operations they take.
//!
//! A layer (N, I) -> (N, O) takes `2 N I O` operations forward and twice as many backward. Of the
//! last block only `[CLS]` is computed behind keys and values: B rows instead of N. Attention's
//! products are counted at the lengths of the texts, two forward and four backward.

use lockstep_model::EncoderConfig;

use crate::work::Work;

/// Layers of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layers {
    pub(crate) rows: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// How many there are.
    pub(crate) count: usize,
}

impl Layers {
    /// Operations of an update.
    pub(crate) fn operations(self) -> f64 {
        let Self { rows, inputs, outputs, count } = self;
        6.0 * (rows * inputs * outputs * count) as f64
    }
}

/// The layers of a mean batch; the head's are too small to count.
pub(crate) fn layers(work: &Work, config: &EncoderConfig) -> Vec<Layers> {
    let EncoderConfig { width, feed_forward, blocks, .. } = *config;
    let (tokens, examples) = (work.tokens() / work.batches(), work.batch_size());
    let whole = blocks - 1;
    let of = |rows, inputs, outputs, count| Layers { rows, inputs, outputs, count };
    vec![
        of(tokens, width, width, 4 * whole + 2),
        of(tokens, width, feed_forward, whole),
        of(tokens, feed_forward, width, whole),
        of(examples, width, width, 2),
        of(examples, width, feed_forward, 1),
        of(examples, feed_forward, width, 1),
    ]
}

/// Operations of attention in an update on a mean batch.
pub(crate) fn attention(work: &Work, config: &EncoderConfig) -> f64 {
    let whole = (config.blocks - 1) as f64;
    let scores = |&length: &u32| {
        let length = f64::from(length);
        whole * length * length + length
    };
    let scores: f64 = work.lengths().iter().map(scores).sum();
    12.0 * scores * config.width as f64 / work.batches() as f64
}
