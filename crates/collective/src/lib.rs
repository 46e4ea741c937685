//! How ranks talk: a small trait, and its true identity [`Solo`].
//!
//! Every rank makes the same calls in the same order with the same lengths; nothing outside this
//! crate asks how many ranks there are in order to decide whether to call.

mod solo;

pub use solo::Solo;

use lockstep_world::{Rank, Seat};

/// What one rank can do together with all others.
pub trait Collective {
    /// Which rank this is, of how many.
    fn seat(&self) -> Seat;

    /// Replaces `values` by their sums over all ranks, bit-identical on each of them.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost.
    fn all_reduce_sum(&self, values: &mut [f32]) -> Result<(), CollectiveError>;

    /// Replaces `values` by those of the `root`.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost, or the root does not exist.
    fn broadcast(&self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError>;

    /// The `values` of all ranks, one rank after the other; each gives the same number of values.
    ///
    /// # Errors
    /// [`CollectiveError`] when a peer is lost.
    fn all_gather(&self, values: &[u64]) -> Result<Vec<u64>, CollectiveError>;
}

/// Why the ranks could not complete a call together.
#[derive(Debug, thiserror::Error)]
pub enum CollectiveError {
    /// A broadcast from a rank that does not exist.
    #[error("cannot broadcast from rank {}: this is {seat}", root.0)]
    NoSuchRoot {
        /// The rank asked for.
        root: Rank,
        /// Who asked.
        seat: Seat,
    },
}
