//! Sums, copies and gathers that go round a ring of ranks, whatever carries the bytes.
//!
//! A sum takes 2 (n - 1) steps of 1/n of the values each: reduce-scatter, then all-gather (Patarasuk
//! and Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations, 2009). Each part
//! is added up in one order and then copied, so the sums are the same bits on all ranks. All ranks
//! add equally much, in the place where the values lie.

use std::ops::Range;

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use lockstep_world::{Rank, Seat};

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
}

impl<N: Neighbours> Ring<N> {
    /// A seat between two neighbours.
    pub(crate) fn new(seat: Seat, neighbours: N) -> Self {
        Self { seat, neighbours, heard: Vec::new() }
    }

    /// Which seat it is.
    pub(crate) fn seat(&self) -> Seat {
        self.seat
    }

    /// Replaces `values` by their sums over all ranks.
    ///
    /// # Errors
    /// [`CollectiveError::Lost`].
    pub(crate) fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let size = self.size();
        for values in values.chunks_mut(PART * size) {
            self.reduce_scatter(values)?;
            self.pass_round("all_reduce_sum", values, self.back(size - 1))?;
        }
        Ok(())
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
        let is_last = self.back(root.0) == self.size() - 1;
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
        self.pass_round("all_gather", &mut all, self.seat.rank().0)?;
        Ok(all)
    }

    /// Afterwards `values` has the sum of the part behind this rank's own.
    fn reduce_scatter(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let parts = Parts { length: values.len(), count: self.size() };
        let mut heard = std::mem::take(&mut self.heard);
        for step in 0..self.size() - 1 {
            let (given, added) = (parts.range(self.back(step)), parts.range(self.back(step + 1)));
            heard.resize(added.len(), 0.0);
            self.exchange("all_reduce_sum", &values[given], &mut heard)?;
            for (sum, term) in values[added].iter_mut().zip(&heard) {
                *sum += term;
            }
        }
        self.heard = heard;
        Ok(())
    }

    /// Until every rank has every part of `values`, where each starts with its part `first`.
    fn pass_round<T: Pod>(
        &mut self,
        call: &'static str,
        values: &mut [T],
        first: usize,
    ) -> Result<(), CollectiveError> {
        let parts = Parts { length: values.len(), count: self.size() };
        for step in 0..parts.count - 1 {
            let part = |steps| parts.range((first + parts.count - steps) % parts.count);
            let (given, taken) = two(values, part(step), part(step + 1));
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
    fn back(&self, steps: usize) -> usize {
        (self.seat.rank().0 + self.size() - steps % self.size()) % self.size()
    }
}

/// What is divided among the ranks.
#[derive(Clone, Copy)]
struct Parts {
    /// How many things.
    length: usize,
    /// How many parts.
    count: usize,
}

impl Parts {
    /// One part, where they differ by one in length at most.
    fn range(self, part: usize) -> Range<usize> {
        part * self.length / self.count..(part + 1) * self.length / self.count
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
