//! What watches say to each other: short JSON messages, each behind its length.

use lockstep_world::Rank;
use serde::{Deserialize, Serialize};

/// No message is longer, so that nobody can make us keep more.
pub(super) const LONGEST: usize = 8 * 1024;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Frame {
    /// A member's first one, which proves that it belongs here.
    Hello {
        /// The number that rank 0 gave to all.
        nonce: [u64; 2],
        /// Who it is.
        rank: usize,
        /// Where it runs.
        host: String,
    },
    /// Rank 0's answer, which proves the same.
    Welcome {
        /// The same number.
        nonce: [u64; 2],
        /// Where rank 0 runs.
        host: String,
    },
    /// Still alive, at this moment of the run.
    Beat(u64),
    /// A good end: expect no more of me.
    Goodbye,
    /// A bad end, with its reason.
    Failed(String),
    /// Another rank is lost.
    Lost {
        /// Which.
        rank: usize,
        /// Where it ran.
        host: String,
        /// Its last moment.
        word: u64,
        /// How it was lost.
        how: How,
    },
}

/// How a rank was lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum How {
    /// Its connection closed: the process is gone.
    Closed,
    /// Nothing was heard for so many seconds: it is stopped, or its machine or network is.
    Silent(f64),
    /// It said why it ends.
    Failed(String),
}

impl Frame {
    /// The bytes on the wire; a text that is too long is cut.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let frame = match self {
            Self::Failed(text) => &Self::Failed(text.chars().take(LONGEST / 8).collect()),
            other => other,
        };
        let body = serde_json::to_vec(frame).unwrap_or_default();
        let length = u32::try_from(body.len()).unwrap_or(0);
        [&length.to_le_bytes()[..], &body].concat()
    }

    /// The first message of `inbox`, which is taken out; nothing while it is incomplete.
    ///
    /// # Errors
    /// What is no message of ours.
    pub(super) fn take(inbox: &mut Vec<u8>) -> Result<Option<Self>, NotOurs> {
        let Some((head, rest)) = inbox.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*head) as usize;
        if length > LONGEST {
            return Err(NotOurs);
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let frame = serde_json::from_slice(body).map_err(|_| NotOurs)?;
        inbox.drain(..4 + length);
        Ok(Some(frame))
    }
}

/// Bytes that no watch sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotOurs;

/// The rank of a message, if it lies in a world of `size`.
pub(super) fn rank(rank: usize, size: usize) -> Option<Rank> {
    (rank < size).then_some(Rank(rank))
}
