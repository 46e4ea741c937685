//! Sums, copies and gathers that go round a ring of ranks, whatever carries the bytes.
//!
//! A sum takes 2 (n - 1) steps of 1/n of the values each: reduce-scatter, then all-gather (Patarasuk
//! and Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations, 2009). Each part
//! is added up in one order and then copied, so the sums are the same bits on all ranks. All ranks
//! add equally much, in the place where the values lie.
//!
//! That order follows the ring, and so the number of ranks. Sums by the tree are not added on their
//! way: each rank's values go to the rank that owns the part, which adds them in the tree's order.
//! The reduce-scatter takes n / 2 times the bytes then.

use std::ops::Range;

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use lockstep_world::{Rank, Seat, WorldSize, add_by_tree};

use crate::CollectiveError;

/// Scalars that a rank has under way in one step: 2 MiB, which stay in a core's cache.
const PART: usize = 512 * 1024;

/// The ways of a rank to the next one and from the previous one.
pub(crate) trait Neighbours {
    /// Sends `given` to the next rank while `taken` comes from the previous one.
    ///
    /// # Errors
    /// [`CollectiveError::Lost`] when one of them is gone.
    fn exchange(
        &mut self,
        call: &'static str,
        given: &[u8],
        taken: &mut [u8],
    ) -> Result<(), CollectiveError>;
}

/// A rank in a ring.
#[derive(Debug)]
pub(crate) struct Ring<N> {
    seat: Seat,
    pub(crate) neighbours: N,
    /// What came and is still to be added: at most [`PART`] scalars.
    heard: Vec<f32>,
    sums_by_tree: bool,
}

impl<N: Neighbours> Ring<N> {
    /// A seat between two neighbours.
    pub(crate) fn new(seat: Seat, neighbours: N) -> Self {
        Self { seat, neighbours, heard: Vec::new(), sums_by_tree: false }
    }

    pub(crate) fn seat(&self) -> Seat {
        self.seat
    }

    /// From now on all sums are added in the order of the tree.
    pub(crate) fn sum_by_tree(&mut self) {
        self.sums_by_tree = true;
    }

    /// Replaces `values` by their sums over all ranks.
    ///
    /// # Errors
    /// [`CollectiveError::Lost`].
    pub(crate) fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let parts = self.parts(values.len());
        for parts in parts.pieces() {
            self.reduce_scatter("all_reduce_sum", values, parts)?;
            self.pass_round("all_reduce_sum", values, parts)?;
        }
        Ok(())
    }

    /// Replaces this rank's shard of `values` by its sums over all ranks.
    ///
    /// # Errors
    /// [`CollectiveError::Lost`].
    pub(crate) fn reduce_scatter_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let mut pieces = self.parts(values.len()).pieces();
        pieces.try_for_each(|parts| self.reduce_scatter("reduce_scatter_sum", values, parts))
    }

    /// Replaces each rank's shard of `values` by what that rank has there.
    ///
    /// # Errors
    /// [`CollectiveError::Lost`].
    pub(crate) fn all_gather_shards(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let mut pieces = self.parts(values.len()).pieces();
        pieces.try_for_each(|parts| self.pass_round("all_gather_shards", values, parts))
    }

    /// Replaces `values` by those of the `root`.
    ///
    /// # Errors
    /// [`CollectiveError::Lost`].
    pub(crate) fn broadcast(
        &mut self,
        values: &mut [f32],
        root: Rank,
    ) -> Result<(), CollectiveError> {
        let is_root = self.seat.rank() == root;
        let is_last = self.back(root.0).0 == self.size() - 1;
        let pieces = values.len().div_ceil(PART);
        // One piece arrives while the one before it is passed on.
        for step in 0..=pieces {
            let (had, rest) = values.split_at_mut(values.len().min(step * PART));
            let given = if is_last { had.len() } else { step.saturating_sub(1) * PART };
            let end = if is_root { 0 } else { rest.len().min(PART) };
            self.exchange("broadcast", &had[given..], &mut rest[..end])?;
        }
        Ok(())
    }

    /// The `values` of all ranks, one rank after the other.
    ///
    /// # Errors
    /// [`CollectiveError::Lost`].
    pub(crate) fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        let mut all = values.repeat(self.size());
        let parts = self.parts(all.len());
        self.pass_round("all_gather", &mut all, parts)?;
        Ok(all)
    }

    /// Afterwards this rank's part of `values` has its sum over all ranks.
    fn reduce_scatter(
        &mut self,
        call: &'static str,
        values: &mut [f32],
        parts: RingParts,
    ) -> Result<(), CollectiveError> {
        if self.sums_by_tree {
            return self.scatter_and_add(call, values, parts);
        }
        let mut heard = std::mem::take(&mut self.heard);
        for step in 1..self.size() {
            let (given, added) = (parts.of(self.back(step)), parts.of(self.back(step + 1)));
            heard.resize(added.len(), 0.0);
            self.exchange(call, &values[given], &mut heard)?;
            for (sum, term) in values[added].iter_mut().zip(&heard) {
                *sum += term;
            }
        }
        self.heard = heard;
        Ok(())
    }

    /// The same, added in the order of the tree. What a rank hears from the one `step` behind is for
    /// itself first, then for the ranks ahead of it in their order.
    fn scatter_and_add(
        &mut self,
        call: &'static str,
        values: &mut [f32],
        parts: RingParts,
    ) -> Result<(), CollectiveError> {
        let (size, rank) = (self.size(), self.seat.rank());
        let own = parts.of(rank);
        let mut terms = vec![Vec::new(); size];
        terms[rank.0] = values[own.clone()].to_vec();
        let ahead = |step: usize| parts.of(Rank((rank.0 + step) % size));
        let mut given: Vec<f32> =
            (1..size).flat_map(|step| &values[ahead(step)]).copied().collect();
        for step in 1..size {
            let mut heard = vec![0.0; (0..size - step).map(|step| ahead(step).len()).sum()];
            self.exchange(call, &given, &mut heard)?;
            given = heard.split_off(own.len());
            terms[self.back(step).0] = heard;
        }
        let sum = add_by_tree(terms, |mut left, right| {
            left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
            left
        });
        values[own].copy_from_slice(&sum.unwrap_or_default());
        Ok(())
    }

    /// Until every rank has every part of `values`, where each starts with its own.
    fn pass_round<T: Pod>(
        &mut self,
        call: &'static str,
        values: &mut [T],
        parts: RingParts,
    ) -> Result<(), CollectiveError> {
        for step in 0..self.size() - 1 {
            let (given, taken) = (parts.of(self.back(step)), parts.of(self.back(step + 1)));
            let (given, taken) = two(values, given, taken);
            self.exchange(call, given, taken)?;
        }
        Ok(())
    }

    fn exchange<T: Pod>(
        &mut self,
        call: &'static str,
        given: &[T],
        taken: &mut [T],
    ) -> Result<(), CollectiveError> {
        self.neighbours.exchange(call, cast_slice(given), cast_slice_mut(taken))
    }

    fn size(&self) -> usize {
        self.seat.world().get()
    }

    /// The rank that is `steps` behind this one in the ring.
    fn back(&self, steps: usize) -> Rank {
        Rank((self.seat.rank().0 + self.size() - steps % self.size()) % self.size())
    }

    fn parts(&self, length: usize) -> RingParts {
        RingParts { world: self.seat.world(), length, skipped: 0, most: length }
    }
}

/// The shards of `length` values, or a piece of each.
#[derive(Clone, Copy)]
struct RingParts {
    world: WorldSize,
    length: usize,
    /// How many values of each shard are left out before the piece.
    skipped: usize,
    /// How many values a piece has at most.
    most: usize,
}

impl RingParts {
    /// The piece of this rank's shard; the shards' last pieces may be empty.
    fn of(self, rank: Rank) -> Range<usize> {
        let shard = self.world.shard(rank, self.length);
        let start = shard.end.min(shard.start + self.skipped);
        start..shard.end.min(start + self.most)
    }

    /// All shards, in pieces of at most [`PART`] values.
    fn pieces(self) -> impl Iterator<Item = Self> {
        let longest = self.length.div_ceil(self.world.get());
        (0..longest).step_by(PART).map(move |skipped| Self { skipped, most: PART, ..self })
    }
}

/// Two parts of `values`, neither within the other.
fn two<T>(values: &mut [T], given: Range<usize>, taken: Range<usize>) -> (&[T], &mut [T]) {
    if given.end <= taken.start {
        let (front, back) = values.split_at_mut(taken.start);
        (&front[given], &mut back[..taken.len()])
    } else {
        let (front, back) = values.split_at_mut(given.start);
        (&back[..given.len()], &mut front[taken])
    }
}
