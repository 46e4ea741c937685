//! A rank that was lost, in words.

use std::fmt;

use lockstep_world::Rank;

use super::frame::How;
use super::stall::{Sight, Stall, Stuck};
use crate::Moment;

/// A rank that was lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    /// The lost rank.
    pub rank: Rank,
    /// Its host, as it named itself.
    pub host: String,
    /// What it was doing when it was heard of last.
    pub moment: Moment,
    /// How it was lost.
    pub how: How,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rank, host, moment, how } = self;
        write!(f, "rank {} (host {host}) ", rank.0)?;
        match how {
            How::Closed => write!(f, "was lost while {moment}: its process is gone"),
            How::Silent(seconds) => write!(
                f,
                "was lost while {moment}: it sent nothing for {seconds:.0} s, so it was \
                 stopped, or its machine or network failed"
            ),
            How::Failed { words, .. } => write!(f, "failed while {moment}: {words}"),
            How::Stalled(stall) => stalled(f, stall, *moment),
        }
    }
}

/// What a rank that lives does, and for what the others wait.
fn stalled(f: &mut fmt::Formatter<'_>, stall: &Stall, moment: Moment) -> fmt::Result {
    let Stall { seconds, verb, call, how, also, .. } = stall;
    let ranks: Vec<_> = also.iter().map(|rank| format!("rank {rank}")).collect();
    let verb = verb.name();
    let also = match ranks.is_empty() {
        true => String::new(),
        false => format!("; neither has {}", ranks.join(", ")),
    };
    match how {
        Stuck::Waiting => write!(
            f,
            "has not completed {verb} (call {call}) for {seconds:.0} s while {moment}, although all \
             ranks have begun it, so a connection or a GPU between them failed{also}"
        ),
        Stuck::Frozen => write!(
            f,
            "has not completed {verb} (call {call}), in which other ranks wait for it for \
             {seconds:.0} s: its thread does not run while {moment}{also}"
        ),
        Stuck::Absent => write!(
            f,
            "has not reached {verb} (call {call}), in which other ranks wait for it for \
             {seconds:.0} s: it is {moment}{also}"
        ),
    }
}

impl Sight {
    /// This rank, lost in this way.
    pub(super) fn lost(&self, how: How) -> Lost {
        Lost { rank: self.rank, host: self.host.clone(), moment: self.moment(), how }
    }
}
