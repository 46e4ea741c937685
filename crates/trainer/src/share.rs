//! What the ranks tell each other beside the sums of an update.

use lockstep_collective::Collective;

use crate::{StopRequest, TrainError};

/// What one rank, or all of them together, put into an update.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    pub(crate) loss: f64,
    /// Of the gradients that this rank answers for.
    pub(crate) squares: f64,
    pub(crate) tokens: usize,
    pub(crate) examples: usize,
    pub(crate) stop: bool,
}

impl Share {
    /// The sum over all ranks, in their order; one rank that was asked to stop stops them all.
    pub(crate) fn over_all_ranks(
        self,
        stop: &StopRequest,
        collective: &mut dyn Collective,
    ) -> Result<Self, TrainError> {
        let stop = u64::from(stop.is_asked());
        let (loss, squares) = (self.loss.to_bits(), self.squares.to_bits());
        let mine = [loss, squares, self.tokens as u64, self.examples as u64, stop];
        let mut sum = Self::default();
        for theirs in collective.all_gather(&mine)?.chunks_exact(mine.len()) {
            sum.loss += f64::from_bits(theirs[0]);
            sum.squares += f64::from_bits(theirs[1]);
            sum.tokens += usize::try_from(theirs[2]).unwrap_or(usize::MAX);
            sum.examples += usize::try_from(theirs[3]).unwrap_or(usize::MAX);
            sum.stop |= theirs[4] != 0;
        }
        Ok(sum)
    }
}
