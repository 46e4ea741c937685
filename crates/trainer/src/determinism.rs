//! Deterministic mode: the weights have the same bits at any number of ranks.
//!
//! The global batch is dealt to [`SHARES`] shares, each computed alone. What is summed over examples
//! is summed within each share, then over the shares in one binary tree, of which each rank has a
//! subtree. See docs/decisions/0022-deterministic-mode.md.

use lockstep_data::BatchPlan;
use lockstep_world::{Seat, Step, WorldSize};

use crate::{TrainError, TrainSettings};

/// Shares of an update, a power of two: at most so many ranks divide it among them.
const SHARES: usize = 8;

/// As many ranks as there are shares.
pub(crate) fn largest_world() -> WorldSize {
    WorldSize::new(SHARES).unwrap_or(WorldSize::ONE)
}

impl TrainSettings {
    /// Forward and backward passes of an update that one rank makes alone.
    #[must_use]
    pub fn passes_alone(&self) -> usize {
        self.accumulation.get() * if self.deterministic { SHARES } else { 1 }
    }

    /// How many gradients of the whole model a rank that is alone holds at once: in deterministic
    /// mode those that wait on each level of the tree as well.
    #[must_use]
    pub fn gradients_held(&self) -> usize {
        if self.deterministic { 1 + SHARES.ilog2() as usize } else { 1 }
    }

    /// Whether so many ranks can train by these settings, on CPUs or not.
    ///
    /// # Errors
    /// [`TrainError::TooManyRanks`] or [`TrainError::DeterministicOnGpu`], in deterministic mode.
    pub fn check_place(&self, world: WorldSize, is_on_cpus: bool) -> Result<(), TrainError> {
        match self.deterministic {
            true if !is_on_cpus => Err(TrainError::DeterministicOnGpu),
            true if world.get() > SHARES => {
                Err(TrainError::TooManyRanks { ranks: world.get(), most: SHARES })
            }
            _ => Ok(()),
        }
    }
}

/// The examples of the rank at `seat` in `step`, in shares that are computed alone: one, or in
/// deterministic mode those of its subtree.
pub(crate) fn own_shares(
    settings: &TrainSettings,
    plan: &BatchPlan,
    step: Step,
    seat: Seat,
    lengths: &[u32],
) -> Vec<Vec<usize>> {
    if !settings.deterministic {
        return vec![plan.share(step, seat, lengths)];
    }
    let mut all = plan.shares(step, largest_world(), lengths);
    all.drain(seat.subtree(SHARES)).collect()
}

/// The sum of pieces, of which each rank has some and zeros for the others, as bits.
pub(crate) fn sum_of_pieces(ranks: &[&[u64]]) -> f64 {
    let pieces = 0..ranks.first().map_or(0, |first| first.len());
    let piece = |place: usize| ranks.iter().fold(0, |bits, theirs| bits | theirs[place]);
    pieces.map(|place| f64::from_bits(piece(place))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_counts_once_however_many_ranks_have_it() {
        let ranks = [[1.5, 0.0, 0.25], [1.5, 2.0, 0.0]].map(|rank| rank.map(f64::to_bits));
        assert_eq!(sum_of_pieces(&[&ranks[0], &ranks[1]]), 3.75);
    }

    #[test]
    fn the_shares_make_a_whole_tree() {
        assert!(SHARES.is_power_of_two());
        assert_eq!(largest_world().get(), SHARES);
    }
}
