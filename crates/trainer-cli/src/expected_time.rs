//! How long a training is expected to take on CPUs, before its first update, by rule of thumb.

use lockstep_model::{EncoderConfig, HeadKind};

use crate::observers::clock;

/// What a thread makes in matrix products: half of what a core with AVX-512 was seen to make.
pub(crate) const FLOPS_PER_THREAD: f64 = 50e9;

/// The scalars of a model that each token meets: the embeddings are only looked up.
pub(crate) fn encoder_scalars(config: &EncoderConfig, head: HeadKind, classes: usize) -> usize {
    config.scalars(head, classes, |info| info.block.is_some())
}

/// Seconds in which `threads` learn from so many tokens.
///
/// A token costs 6 floating-point operations a weight it meets (forward 2, backward 4; Kaplan and
/// others, "Scaling laws for neural language models", 2020, section 2.1).
pub(crate) fn seconds(encoder_scalars: usize, tokens: f64, threads: usize) -> f64 {
    6.0 * encoder_scalars as f64 * tokens / (FLOPS_PER_THREAD * threads as f64)
}

/// The same for people.
pub(crate) fn in_words(seconds: f64) -> String {
    format!("about {}, at {:.0} GFLOP/s per thread", clock(seconds), FLOPS_PER_THREAD / 1e9)
}
