//! How far a rank is, as it says it with each heartbeat.

use serde::{Deserialize, Serialize};

use crate::flight::Position;
use crate::{FlightRecorder, Verb};

/// How far a rank is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The moment of the run, see [`Moment::word`](crate::Moment::word).
    pub(super) word: u64,
    /// The number of the call that it began last, 0 before the first.
    pub(super) calls: u64,
    /// That call, while the rank is in it.
    pub(super) inside: Option<Verb>,
    /// All time spent in calls, in milliseconds.
    pub(super) spent: u64,
    /// Whether its first update is over.
    pub(super) has_updated: bool,
}

impl Progress {
    /// How far the rank of a recorder is now.
    pub(super) fn of(recorder: &FlightRecorder) -> Self {
        let (board, Position { calls, inside, spent }) = (recorder.board(), recorder.position());
        Self { word: board.word(), calls, inside, spent, has_updated: board.has_updated() }
    }
}
