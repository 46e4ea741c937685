//! The sums of squares that the gradient's norm is made of.

use super::{Plan, Training};
use crate::call::{Call, Grid};
use crate::state::SQUARES;

/// Where the squares of the gradients are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Squares {
    /// In the last pass, as they become complete: a rank without peers.
    InPass,
    /// In the update, behind the sums over the ranks.
    Here,
}

impl Training<'_> {
    /// The sum of squares of a bucket.
    pub(super) fn squares(&self, bucket: usize) -> Call {
        let span = self.gradients.buckets[bucket];
        Call::new("squares", Grid::blocks([SQUARES, 1], 256).with_shared(256 * 8))
            .read(span)
            .long(span.bytes / 4)
            .write(self.state.squares.part(bucket * SQUARES * 8, SQUARES * 8))
    }

    /// The sum of squares of the word table's gradient.
    pub(super) fn squares_of_words(&self, plan: &Plan<'_>) -> Call {
        let number = plan.shape.blocks + 2;
        Call::new("squares_rows", Grid::blocks([SQUARES, 1], 256).with_shared(256 * 8))
            .read(plan.step())
            .read(self.gradients.parts.words)
            .write(self.state.squares.part(number * SQUARES * 8, SQUARES * 8))
            .int(plan.shape.width)
    }
}
