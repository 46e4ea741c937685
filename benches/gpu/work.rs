//! Floating-point operations of an update.

use lockstep_program::ModelShape;

/// Of products and attention, forward and backward, in units of 10^12: a product of an update is
/// made three times, twice for gradients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// Where the last block computes the first token of each text only, as ours does.
    pub(crate) performed: f64,
    /// Where all blocks compute all tokens.
    pub(crate) nominal: f64,
}

impl Work {
    pub(crate) fn of(shape: &ModelShape, lengths: &[usize]) -> Self {
        let (d, f) = (shape.width as f64, shape.feed_forward as f64);
        let (tokens, texts) = (lengths.iter().sum::<usize>() as f64, lengths.len() as f64);
        let pairs: f64 = lengths.iter().map(|&length| (length * length) as f64).sum();
        let weights = 4.0 * d * d + 2.0 * d * f;
        let block = 6.0 * weights * tokens + 12.0 * d * pairs;
        let keys_and_values = 2.0 * d * d;
        let last = 6.0 * keys_and_values * tokens
            + 6.0 * (weights - keys_and_values) * texts
            + 12.0 * d * tokens;
        let blocks = shape.blocks as f64;
        let head = 6.0 * d * shape.inner as f64 * texts;
        Self {
            performed: ((blocks - 1.0) * block + last + head) / 1e12,
            nominal: (blocks * block + head) / 1e12,
        }
    }
}
