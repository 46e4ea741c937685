//! How ranks talk: a small trait, and the backends behind it.
//!
//! Every rank makes the same calls in the same order with the same lengths; nothing outside this
//! crate asks how many ranks there are in order to decide whether to call.

mod absent;
mod agreement;
mod audited;
mod boxed;
mod bytes;
mod error;
mod flight;
#[cfg(fuzzing)]
pub mod fuzzing;
mod mpi;
#[cfg(feature = "nccl")]
mod nccl;
mod phase;
mod pulse;
mod ring;
mod solo;
mod tcp;
mod threads;
mod timed;
mod verb;
mod watch;

pub use agreement::differences;
pub use audited::Audited;
pub use bytes::{broadcast_bytes, gather_bytes};
pub use error::{CollectiveError, PeerRemedy};
pub use flight::{CallRecord, CallState, FlightRecord, FlightRecorder};
pub use lockstep_wire::{RunIdentity, Token};
pub use mpi::Mpi;
#[cfg(feature = "nccl")]
pub use nccl::{GpuPart, Nccl, NcclId, Summable};
pub use phase::{Moment, Phase, PhaseBoard};
pub use solo::Solo;
pub use tcp::{Keeper, Meeting, MeetingPlace, Patience, Tcp};
pub use threads::Threads;
pub use timed::{Ledger, Tallies, Tally, Timed};
pub use verb::Verb;
pub use watch::{
    How, Lost, Slow, Stall, Stuck, Timeout, Timeouts, Watch, WatchEvent, WatchHandle, WatchSettings,
};

use std::time::Duration;

#[cfg(feature = "nccl")]
use lockstep_world::WorldSize;
use lockstep_world::{Rank, Seat};

/// What one rank can do together with all others.
pub trait Collective: Send {
    /// Which rank this is, of how many.
    fn seat(&self) -> Seat;

    /// Replaces `values` by their sums over all ranks, bit-identical on each of them.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost.
    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError>;

    /// [`Self::all_reduce_sum`] of values that lie on a GPU: through the host, unless the GPUs
    /// themselves are connected.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost, or the GPU fails.
    #[cfg(feature = "nccl")]
    fn all_reduce_sum_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
    ) -> Result<(), CollectiveError> {
        match self.seat().world() {
            WorldSize::ONE => Ok(()),
            _ => nccl::through_host(values, |values| self.all_reduce_sum(values)),
        }
    }

    /// Starts to replace `parts` of `values`, which lie on a GPU, by their sums over all ranks: in this
    /// order, each as soon as it is complete. The stream of `values` continues behind the last one. Returns
    /// at once where the GPUs themselves are connected, else when the sums are there; while this rank
    /// waits for sums that were started, it has to [`Self::check`].
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost, or the GPU fails; nothing is under way then.
    #[cfg(feature = "nccl")]
    fn start_sums_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
        parts: &[GpuPart<'_>],
    ) -> Result<(), CollectiveError> {
        match self.seat().world() {
            WorldSize::ONE => Ok(()),
            _ => nccl::through_host(values, |values| {
                parts
                    .iter()
                    .try_for_each(|part| self.all_reduce_sum(&mut values[part.values.clone()]))
            }),
        }
    }

    /// Whether what was started can still come to its end, of a rank that has been waiting for it for
    /// this long.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer or a network failed, or nothing ends; what was started is aborted
    /// then, so that the wait for a GPU ends soon.
    fn check(&mut self, _waited: Duration) -> Result<(), CollectiveError> {
        Ok(())
    }

    /// Replaces this rank's shard of `values` by its sums over all ranks; what the rest holds
    /// afterwards is not defined. See [`Seat::shard`].
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost.
    fn reduce_scatter_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.all_reduce_sum(values)
    }

    /// Replaces each rank's shard of `values` by what that rank has there.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost.
    fn all_gather_shards(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let world = self.seat().world();
        for rank in (0..world.get()).map(Rank) {
            let shard = world.shard(rank, values.len());
            self.broadcast(&mut values[shard], rank)?;
        }
        Ok(())
    }

    /// From now on sums are added in the order of one binary tree over the ranks, that of
    /// [`lockstep_world::add_by_tree`]: what each rank had added in a subtree, the ranks add up to the
    /// whole tree, bit for bit, at any number of them. All ranks ask for it before the same call.
    ///
    /// # Errors
    /// [`CollectiveError::Missing`] where the order of sums is not ours.
    fn sum_by_tree(&mut self) -> Result<(), CollectiveError>;

    /// Replaces `values` by those of the `root`.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost, or the root does not exist.
    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError>;

    /// The `values` of all ranks, one rank after the other; each gives the same number of values.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost.
    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError>;

    /// Returns when all ranks have come here.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost.
    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.all_gather(&[]).map(drop)
    }

    /// A good end, which all ranks make together. One that is dropped instead does not wait.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost.
    fn leave(self: Box<Self>) -> Result<(), CollectiveError> {
        Ok(())
    }
}

/// Whether a root exists.
fn check_root(root: Rank, seat: Seat) -> Result<(), CollectiveError> {
    if root.0 < seat.world().get() {
        Ok(())
    } else {
        Err(CollectiveError::NoSuchRoot { root, seat })
    }
}
