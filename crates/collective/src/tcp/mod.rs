//! Ranks that TCP connects in a ring: for machines without MPI, and starters that only count.
//!
//! The ranks meet at one address, where rank 0 tells each of them where its next neighbour is;
//! from then on every rank sends to the next one and hears from the previous one
//! ([`Ring`](crate::ring)).
//!
//! Ranks with a token prove to each other that they know it. Without one a program that reaches the
//! meeting place before a rank does can take its seat: keep it inside the cluster's network.

mod neighbours;
mod rendezvous;

use std::fmt;
use std::time::Duration;

pub use lockstep_wire::MeetingPlace;
use lockstep_wire::{RunIdentity, Token};
use lockstep_world::{Rank, Seat};

use crate::ring::Ring;
use crate::{Collective, CollectiveError, check_root};
use neighbours::Connections;
#[cfg(fuzzing)]
pub use rendezvous::read_strangers;

/// How the ranks of one run find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// Where all ranks connect to rank 0.
    pub place: MeetingPlace,
    /// Who listens there.
    pub keeper: Keeper,
    /// Which run this is. Ranks of others are not let in.
    pub run: RunIdentity,
    /// What all its ranks know, and no other program.
    pub token: Option<Token>,
}

/// Who listens at a meeting place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Rank 0.
    Leader,
    /// torchrun's agent, in whose store rank 0 writes at which port of the same host it is met.
    Agent,
    /// MPICH's starter, which keeps such words too, behind the inherited connection of this number.
    Pmi(i32),
}

impl From<MeetingPlace> for Meeting {
    /// A run without a name or a token, whose rank 0 listens there.
    fn from(place: MeetingPlace) -> Self {
        Self { place, keeper: Keeper::Leader, run: RunIdentity::default(), token: None }
    }
}

impl fmt::Display for Meeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.keeper {
            Keeper::Leader | Keeper::Agent => self.place.fmt(f),
            Keeper::Pmi(_) => f.write_str("a port from mpiexec"),
        }
    }
}

/// How long ranks wait for each other.
pub struct Patience<'a> {
    /// At most so long.
    pub limit: Duration,
    /// Is told from time to time for whom a rank waits, and why nothing comes.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// A rank of a world that met over TCP.
#[derive(Debug)]
pub struct Tcp {
    ring: Ring<Connections>,
}

impl Tcp {
    /// Meets the others of the same run, waiting for them.
    ///
    /// # Errors
    /// [`CollectiveError::NotMet`] when one does not come, says another size of the world, or cannot
    /// be reached.
    pub fn meet(
        seat: Seat,
        meeting: &Meeting,
        patience: &Patience<'_>,
    ) -> Result<Self, CollectiveError> {
        let connections = rendezvous::meet(seat, meeting, patience)?;
        let mut ranks = Self { ring: Ring::new(seat, connections) };
        ranks.barrier()?;
        Ok(ranks)
    }
}

impl Collective for Tcp {
    fn seat(&self) -> Seat {
        self.ring.seat()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.ring.all_reduce_sum(values)
    }

    fn all_gather_shards(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.ring.all_gather_shards(values)
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        self.ring.sum_by_tree();
        Ok(())
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        check_root(root, self.seat())?;
        self.ring.broadcast(values, root)
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        self.ring.all_gather(values)
    }

    fn reduce_scatter_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.ring.reduce_scatter_sum(values)
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        // No rank has heard from all before all have come.
        self.all_gather(&[0]).map(drop)
    }

    fn leave(mut self: Box<Self>) -> Result<(), CollectiveError> {
        self.barrier()
    }
}
