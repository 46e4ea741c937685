//! One launcher on each of several machines: that of node 0 keeps the list of those that are there,
//! numbers their ranks, and has the run started again with those that are left when one is lost.
//!
//! The launcher of node 0 is itself a member at its own agent, so that all nodes do the same.

mod agent;
mod member;
mod members;
mod verdict;
mod words;

use std::time::Duration;

pub(super) use agent::Agent;
pub(super) use member::{Membership, Order};
pub(super) use words::Round;

/// How long launchers wait for each other to be started.
const ARRIVAL: Duration = Duration::from_secs(600);
/// How often a launcher speaks.
const BEAT: Duration = Duration::from_secs(1);
/// How long a launcher may be silent before it counts as lost.
const SILENCE: Duration = Duration::from_secs(10);
/// How long last words may take.
const LAST_WORDS: Duration = Duration::from_secs(2);
