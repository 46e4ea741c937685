//! A flight record as a file has it.

use serde::{Deserialize, Serialize};

use crate::{Phase, Verb};

/// The last calls of one rank, and what it was doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlightRecord {
    /// The form of the file.
    pub version: u32,
    /// A name that all ranks of a run share, and no other run has; empty where a rank was alone.
    pub run: String,
    /// The rank.
    pub rank: usize,
    /// The number of ranks.
    pub world: usize,
    /// Its host.
    pub host: String,
    /// The number of its process.
    pub process: u32,
    /// Why it was written.
    pub reason: String,
    /// When it was written, in seconds since 1970.
    pub written: f64,
    /// The phase at that time.
    pub phase: Phase,
    /// The update of that phase, 0 before the first.
    pub update: u64,
    /// The last calls, the oldest first.
    pub calls: Vec<CallRecord>,
}

/// One call between ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Its number: the same call has the same number on all ranks.
    pub number: u64,
    /// What the ranks did in it.
    pub verb: Verb,
    /// The bytes that this rank gave.
    pub bytes: u64,
    /// How far it came.
    pub state: CallState,
    /// The phase of the run in which it began.
    pub phase: Phase,
    /// The update of that phase.
    pub update: u64,
    /// When it began, in seconds since 1970.
    pub started: f64,
    /// When it ended; nothing where it had not.
    pub ended: Option<f64>,
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// This rank has begun it, and waits for the others to begin it.
    Waiting,
    /// All ranks have begun it, and exchange what it is about.
    Matched,
    /// It ended.
    Complete,
    /// It was started on a GPU; its end is not seen.
    Launched,
    /// It ended by an error.
    Failed,
}

impl FlightRecord {
    /// The form that this version writes and reads.
    pub const VERSION: u32 = 1;
}
