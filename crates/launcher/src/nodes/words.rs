//! What the launchers of several machines say to each other.

use serde::{Deserialize, Serialize};

/// Launchers of other versions may start other ranks.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    /// A member's first one.
    Join { version: String, node: u64, host: String, ranks: u64 },
    /// The agent's answer: wait for the start.
    Joined,
    /// The agent's answer to one that cannot join now, and why.
    Busy(String),
    /// The agent's answer to one that never can, and why.
    Refused(String),
    /// Still there; from both sides.
    Beat,
    /// Start these ranks.
    Start(Round),
    /// End your ranks: the run cannot continue with them.
    Stop(String),
    /// A member's ranks have ended.
    Ended(Ended),
    /// The run is over, with this exit code.
    Over(u8),
}

/// One start of all ranks, as one machine is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Round {
    /// The machine's first rank.
    pub(crate) first: u64,
    /// All ranks.
    pub(crate) world: u64,
    /// The port at which rank 0 is met.
    pub(crate) port: u16,
    /// The run's name, which no other start has.
    pub(crate) run: String,
    /// Whether it continues from the newest checkpoint.
    pub(crate) is_resumed: bool,
}

/// How the ranks of one machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    /// The exit code.
    pub(super) code: u8,
    /// Whether their launcher was asked to end them.
    pub(super) was_signalled: bool,
}
