//! Messages of a backward pass to another thread: which gradients are complete.

use std::sync::mpsc::Sender;

/// Gradients that are complete while the backward pass continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// The gradients of one transformer block. A pass completes the blocks from the last to the
    /// first.
    Block(usize),
    /// All other gradients: the pass has ended. The caller of the pass sends this.
    Rest,
}

/// Sends [`Ready::Block`] when the backward pass of a block has ended.
#[derive(Clone, Debug)]
pub struct Notice {
    listener: Sender<Ready>,
    block: usize,
}

impl Notice {
    /// A notice of `block`.
    #[must_use]
    pub fn new(listener: Sender<Ready>, block: usize) -> Self {
        Self { listener, block }
    }

    /// Sends the message. A listener that has gone away is no error.
    pub(super) fn give(&self) {
        let _ = self.listener.send(Ready::Block(self.block));
    }
}
