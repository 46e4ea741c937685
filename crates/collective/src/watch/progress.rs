//! How far a rank is, as it says it with each heartbeat.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::flight::Position;
use crate::{FlightRecorder, Verb, pulse};

/// How far a rank is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The moment of the run, see [`Moment::word`](crate::Moment::word).
    pub(super) word: u64,
    /// The number of the call that it began last, 0 before the first.
    pub(super) calls: u64,
    /// That call, while the rank is in it.
    pub(super) inside: Option<Verb>,
    /// The time spent in calls of phases in which ranks share the work, in milliseconds.
    pub(super) spent: u64,
    /// How often the thread in a call looked whether it can continue.
    pub(super) looks: u64,
    /// How long its process was not run although it wanted to, in milliseconds.
    pub(super) starved: u64,
    /// Whether its first update is over.
    pub(super) has_updated: bool,
}

impl Progress {
    /// How far the rank of a recorder is now, whose process was not run for so long.
    pub(super) fn of(recorder: &FlightRecorder, starved: Duration) -> Self {
        let (board, Position { calls, inside, spent }) = (recorder.board(), recorder.position());
        Self {
            word: board.word(),
            calls,
            inside,
            spent,
            looks: pulse::looks(),
            starved: u64::try_from(starved.as_millis()).unwrap_or(u64::MAX),
            has_updated: board.has_updated(),
        }
    }
}
