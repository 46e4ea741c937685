//! Word that a block's gradients are complete, while the backward pass goes on below it.

use std::sync::mpsc::Sender;

/// Tells somebody on another thread the number of a block.
#[derive(Clone, Debug)]
pub struct Notice {
    to: Sender<usize>,
    block: usize,
}

impl Notice {
    /// A notice of `block`.
    #[must_use]
    pub fn new(to: Sender<usize>, block: usize) -> Self {
        Self { to, block }
    }

    /// Whoever no longer listens misses nothing.
    pub(super) fn give(&self) {
        let _ = self.to.send(self.block);
    }
}
