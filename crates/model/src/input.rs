//! What a forward pass is given.

use std::sync::mpsc::Sender;

use lockstep_kernels::Ready;
use lockstep_world::Seed;

/// A packed batch: the tokens of all examples in one stream, one example after the other.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Token ids, (N).
    pub ids: &'a [u32],
    /// Each token's place in its example, (N).
    pub positions: &'a [u32],
    /// The token type of each token, (N); empty where all are 0, which is so unless an example is a pair
    /// of texts. Only BERT reads them.
    pub token_types: &'a [u32],
    /// Where each example begins, and N at the end, (B + 1).
    pub offsets: &'a [usize],
    /// Each example's place in the corpus, which its dropout masks depend on, (B).
    pub examples: &'a [u64],
}

/// Whether anything is dropped.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Nothing is dropped.
    Evaluate,
    /// Dropout, with the masks of one update.
    Train {
        /// The seed of this update.
        dropout: Seed,
        /// Receives [`Ready::Block`] when the backward pass has completed the gradients of a block.
        /// Who runs the last backward pass of an update sends [`Ready::Rest`] behind it.
        listener: Option<&'a Sender<Ready>>,
    },
}
