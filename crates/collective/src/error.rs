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
        /// The rank that asked.
        seat: Seat,
    },
    /// Ranks made different calls, so that their sums would be wrong, or they would wait for ever.
    #[error("the ranks made different calls: {calls}; this is a bug, please report it")]
    Diverged {
        /// The calls, each with the ranks that made it.
        calls: String,
    },
    /// A rank that says it has more bytes than the others expect.
    #[error(
        "rank {rank} would send {length} bytes where at most {most} are expected; the ranks run \
         different versions, or a fault of memory or network changed the length"
    )]
    TooLong {
        /// The rank.
        rank: usize,
        /// What it said.
        length: u64,
        /// What is expected at most.
        most: usize,
    },
    /// A rank that sent something else than a length.
    #[error(
        "rank {rank} sent other data than the length of its bytes; this is a bug, please report it"
    )]
    NoLength {
        /// The rank.
        rank: usize,
    },
    /// A peer is gone, or its connection is.
    #[error("{peer} was lost during {call}: {cause}")]
    Lost {
        /// The peer, with its address.
        peer: String,
        /// The call that could not be completed.
        call: &'static str,
        /// The observation, such as a closed connection.
        cause: String,
    },
    /// A library's own failure.
    #[error("{library} failed in {call}: {cause}")]
    Library {
        /// The library.
        library: &'static str,
        /// The call that could not be completed.
        call: &'static str,
        /// What the library said.
        cause: String,
    },
    /// A library that is missing or unsuitable.
    #[error("{library} cannot be used: {remedy}")]
    Missing {
        /// The library.
        library: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The ranks never found each other.
    #[error("{seat} could not connect to the other ranks at {address}: {cause}; {remedy}")]
    NotMet {
        /// The rank that waited.
        seat: Seat,
        /// Where the ranks were to meet.
        address: String,
        /// The observation, such as a closed connection.
        cause: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

/// What a user can do about a call that failed, where that is a setting of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerRemedy {
    /// Look at the last output of the lost rank, and resume from the newest checkpoint.
    Resume,
}

impl CollectiveError {
    /// What a user can do, where the message does not say it.
    #[must_use]
    pub fn remedy(&self) -> Option<PeerRemedy> {
        matches!(self, Self::Lost { .. }).then_some(PeerRemedy::Resume)
    }
}
