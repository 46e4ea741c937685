//! Why the ranks could not complete a call together.

use lockstep_world::{Rank, Seat};

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
    /// Ranks made different calls, so that their sums would be wrong, or they would wait for ever.
    #[error("the ranks made different calls: {calls}; this is a bug of ours, please report it")]
    Diverged {
        /// Who made which.
        calls: String,
    },
    /// A peer is gone, or its connection is.
    #[error(
        "{peer} was lost during {call}: {cause}; see what it said last, and start again with --resume auto"
    )]
    Lost {
        /// Which peer.
        peer: String,
        /// The call that could not be completed.
        call: &'static str,
        /// What was seen.
        cause: String,
    },
    /// A library's own failure.
    #[error("{library} failed in {call}: {cause}")]
    Library {
        /// The library.
        library: &'static str,
        /// The call that could not be completed.
        call: &'static str,
        /// Its words.
        cause: String,
    },
    /// A library that is not there, or not as it is needed.
    #[error("{library} cannot be used: {remedy}")]
    Missing {
        /// The library.
        library: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The ranks never found each other.
    #[error("{seat} could not meet the others at {address}: {cause}; {remedy}")]
    NotMet {
        /// Who.
        seat: Seat,
        /// Where.
        address: String,
        /// What was seen.
        cause: String,
        /// What to do about it.
        remedy: &'static str,
    },
}
