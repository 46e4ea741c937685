//! Who a process is among its peers.
//!
//! A [`Seat`] can only be made of a rank inside its world, so no code downstream checks it again.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;

use serde::Serialize;

/// The index of a process, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Rank(pub usize);

/// The number of processes, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct WorldSize(NonZeroUsize);

impl WorldSize {
    /// The world of a single process.
    pub const ONE: Self = Self(NonZeroUsize::MIN);

    /// A world of `size` processes, or nothing when `size` is 0.
    #[must_use]
    pub fn new(size: usize) -> Option<Self> {
        NonZeroUsize::new(size).map(Self)
    }

    /// The number of processes.
    #[must_use]
    pub fn get(self) -> usize {
        self.0.get()
    }

    /// Which of `length` things are those of `rank`: see [`Seat::shard`].
    #[must_use]
    pub fn shard(self, rank: Rank, length: usize) -> Range<usize> {
        let start = |rank: usize| length / self.0 * rank + (length % self.0).min(rank);
        start(rank.0)..start(rank.0 + 1)
    }
}

/// One place in a world: a rank that is known to lie inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Seat {
    rank: Rank,
    world: WorldSize,
}

impl Seat {
    /// The only seat of a world of one.
    pub const SOLO: Self = Self { rank: Rank(0), world: WorldSize::ONE };

    /// The seat of `rank` in `world`.
    ///
    /// # Errors
    /// [`SeatError`] when the rank lies outside the world.
    pub fn new(rank: Rank, world: WorldSize) -> Result<Self, SeatError> {
        if rank.0 < world.get() { Ok(Self { rank, world }) } else { Err(SeatError { rank, world }) }
    }

    /// The rank of this process.
    #[must_use]
    pub fn rank(self) -> Rank {
        self.rank
    }

    /// How many seats there are.
    #[must_use]
    pub fn world(self) -> WorldSize {
        self.world
    }

    /// Which of `length` things are this rank's, where each rank has an equal share, in their
    /// order: their numbers differ by one at most.
    #[must_use]
    pub fn shard(self, length: usize) -> Range<usize> {
        self.world.shard(self.rank, length)
    }

    /// Whether this process writes the shared files.
    #[must_use]
    pub fn is_leader(self) -> bool {
        self.rank.0 == 0
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank.0, self.world.get())
    }
}

/// A rank that does not exist in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatError {
    /// The rank that was asked for.
    pub rank: Rank,
    /// The world it was asked for in.
    pub world: WorldSize,
}

impl fmt::Display for SeatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rank {} does not exist in a world of {}: ranks count from 0",
            self.rank.0,
            self.world.get()
        )
    }
}

impl std::error::Error for SeatError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_lies_inside_its_world() {
        let world = WorldSize::new(4).unwrap();
        assert!(Seat::new(Rank(3), world).is_ok());
        let error = Seat::new(Rank(4), world).unwrap_err();
        assert_eq!(error.to_string(), "rank 4 does not exist in a world of 4: ranks count from 0");
        assert_eq!(WorldSize::new(0), None);
    }

    #[test]
    fn shards_are_all_things_once() {
        let shards = |world: usize, length: usize| -> Vec<_> {
            let world = WorldSize::new(world).unwrap();
            (0..world.get())
                .map(|rank| Seat::new(Rank(rank), world).unwrap().shard(length))
                .collect()
        };
        assert_eq!(shards(1, 7)[0], 0..7);
        assert_eq!(shards(3, 8), [0..3, 3..6, 6..8]);
        assert_eq!(shards(4, 2), [0..1, 1..2, 2..2, 2..2]);
        assert_eq!(shards(2, usize::MAX)[1].end, usize::MAX);
    }
}
