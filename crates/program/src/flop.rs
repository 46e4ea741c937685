//! The floating-point operations of an update.

use crate::predict::ATTENTION_BACKWARD;
use crate::{BatchExtent, ModelShape};

/// Floating-point operations of products and of attention: forward and backward.
///
/// Norms, activations, the classifier's last layer and AdamW are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flop {
    /// What the recorded programs compute for these tokens: the last block only where the head
    /// reads, attention's probabilities a second time in the backward pass.
    pub performed: f64,
    /// What other programs are credited with: all blocks over all tokens, a backward pass of twice
    /// the forward pass, no head.
    pub full_blocks: f64,
}

impl Flop {
    /// Of a batch, whose texts are taken to be of one length.
    #[must_use]
    pub fn of(shape: &ModelShape, size: BatchExtent) -> Self {
        let (n, b) = (size.tokens as f64, size.examples as f64);
        let (d, f) = (shape.width as f64, shape.feed_forward as f64);
        let blocks = shape.blocks as f64;
        // Of one token forward.
        let attention = 4.0 * d * n / b.max(1.0);
        let behind = 2.0 * (d * d + 2.0 * d * f);
        let block = 6.0 * d * d + behind;
        let passes = 1.0 + ATTENTION_BACKWARD;
        let last = 3.0 * (n * 4.0 * d * d + b * (2.0 * d * d + behind)) + passes * 4.0 * d * n;
        let head = 3.0 * b * 2.0 * d * shape.inner as f64;
        Self {
            performed: (blocks - 1.0) * n * (3.0 * block + passes * attention) + last + head,
            full_blocks: blocks * n * 3.0 * (block + attention),
        }
    }
}
