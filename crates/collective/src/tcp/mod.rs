//! Ranks that TCP connects in a ring: for machines without MPI, and starters that only count.
//!
//! The ranks meet at one address, where rank 0 tells each of them where its next neighbour is;
//! from then on every rank sends to the next one and hears from the previous one. A sum takes
//! 2 (n - 1) steps of 1/n of the values each: reduce-scatter, then all-gather (Patarasuk and Yuan,
//! Bandwidth optimal all-reduce algorithms for clusters of workstations, 2009). Each part is added
//! up in one order and then copied, so the sums are the same bits on all ranks.
//!
//! As with other starters of this kind, whoever reaches the meeting place before a rank does can
//! take its seat: keep it inside the cluster's network.

mod rendezvous;
mod ring;

use std::fmt;
use std::time::Duration;

use lockstep_world::{Rank, Seat};

use crate::{Collective, CollectiveError, check_root};
use ring::{Parts, Ring};

/// Scalars that a rank has under way in one step: 2 MiB, which stay in a core's cache.
const PART: usize = 512 * 1024;

/// Where rank 0 listens for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeetingPlace {
    /// A host's name, or an address of it.
    pub host: String,
    /// A port that is free there.
    pub port: u16,
}

impl fmt::Display for MeetingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// A rank of a world that met over TCP.
#[derive(Debug)]
pub struct Tcp {
    seat: Seat,
    ring: Ring,
    /// What came and is still to be added: at most `PART` scalars.
    heard: Vec<f32>,
}

impl Tcp {
    /// Meets the others, waiting for them as long as `patience`.
    ///
    /// # Errors
    /// [`CollectiveError::NotMet`] when one does not come, says another size of the world, or cannot
    /// be reached.
    pub fn meet(
        seat: Seat,
        place: &MeetingPlace,
        patience: Duration,
    ) -> Result<Self, CollectiveError> {
        let ring = rendezvous::meet(seat, place, patience)?;
        let mut ranks = Self { seat, ring, heard: Vec::new() };
        ranks.barrier()?;
        Ok(ranks)
    }

    fn size(&self) -> usize {
        self.seat.world().get()
    }

    /// The rank that is `steps` in front of this one in the ring.
    fn back(&self, steps: usize) -> usize {
        (self.seat.rank().0 + self.size() - steps % self.size()) % self.size()
    }

    /// Afterwards `values` has the sum of the part behind this rank's own.
    fn reduce_scatter(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let parts = Parts { length: values.len(), count: self.size() };
        for step in 0..self.size() - 1 {
            let (given, added) = (parts.range(self.back(step)), parts.range(self.back(step + 1)));
            self.heard.resize(added.len(), 0.0);
            self.ring.exchange("all_reduce_sum", &values[given], &mut self.heard)?;
            for (sum, term) in values[added].iter_mut().zip(&self.heard) {
                *sum += term;
            }
        }
        Ok(())
    }
}

impl Collective for Tcp {
    fn seat(&self) -> Seat {
        self.seat
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let size = self.size();
        for values in values.chunks_mut(PART * size) {
            self.reduce_scatter(values)?;
            let parts = Parts { length: values.len(), count: size };
            let first = self.back(size - 1);
            self.ring.pass_round("all_reduce_sum", values, (parts, first))?;
        }
        Ok(())
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        check_root(root, self.seat)?;
        let is_root = self.seat.rank() == root;
        let is_last = self.back(root.0) == self.size() - 1;
        let pieces = values.len().div_ceil(PART);
        // One piece arrives while the one before it is passed on.
        for step in 0..=pieces {
            let (had, rest) = values.split_at_mut(values.len().min(step * PART));
            let given = if is_last { had.len() } else { step.saturating_sub(1) * PART };
            let end = if is_root { 0 } else { rest.len().min(PART) };
            self.ring.exchange("broadcast", &had[given..], &mut rest[..end])?;
        }
        Ok(())
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        let mut all = values.repeat(self.size());
        let parts = Parts { length: all.len(), count: self.size() };
        self.ring.pass_round("all_gather", &mut all, (parts, self.seat.rank().0))?;
        Ok(all)
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        // Nobody has heard from all before all have come.
        self.all_gather(&[0]).map(drop)
    }

    fn leave(mut self: Box<Self>) -> Result<(), CollectiveError> {
        self.barrier()
    }
}
