//! What watches say to each other.

use lockstep_wire::LONGEST;
use serde::{Deserialize, Serialize};

use super::progress::Progress;
use super::stall::Stall;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Frame {
    /// A member's first one.
    Hello { rank: usize, host: String },
    /// Rank 0's answer.
    Welcome { host: String },
    /// Still alive, and how far.
    Beat(Progress),
    /// A good end: expect no more of me.
    Goodbye,
    /// A bad end.
    Failed {
        /// Its reason.
        words: String,
        /// The exit code it ends with.
        code: u8,
    },
    /// Another rank is lost.
    Lost {
        rank: usize,
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
    /// It is alive, but did not begin a call, or did not complete it, for which others wait.
    Stalled(Stall),
    /// It said why it ends.
    Failed {
        /// The message of the failure.
        words: String,
        /// The exit code it ends with.
        code: u8,
    },
}

impl Frame {
    /// A bad end; a reason that is too long is cut.
    pub(super) fn failed(words: &str, code: u8) -> Self {
        // No character takes more bytes in JSON than six.
        Self::Failed { words: words.chars().take(LONGEST / 8).collect(), code }
    }
}
