//! What a rank is doing, so that its peers can say it when the rank is lost.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Finding the others and reading data and model.
    Starting,
    /// Computing the gradients of an update.
    Computing,
    /// Waiting for the sums of the gradients.
    Summing,
    /// Changing the weights.
    Stepping,
    /// Evaluating.
    Evaluating,
    /// Writing, or waiting for the leader to write.
    Saving,
    /// Everything is done but the end itself.
    Ending,
}

impl Phase {
    const ALL: [Self; 7] = [
        Self::Starting,
        Self::Computing,
        Self::Summing,
        Self::Stepping,
        Self::Evaluating,
        Self::Saving,
        Self::Ending,
    ];

    /// The phase in the signature of a call: those of an update are one, since the call may be made on
    /// another thread than the one that notes them.
    #[must_use]
    pub fn of_call(self) -> Self {
        match self {
            Self::Summing | Self::Stepping => Self::Computing,
            other => other,
        }
    }

    /// Whether each rank has its share of the work, so that a rank for which the others wait is slow. A
    /// checkpoint is the leader's alone.
    pub(crate) fn is_shared(self) -> bool {
        matches!(self, Self::Computing | Self::Summing | Self::Stepping | Self::Evaluating)
    }

    /// What a rank does in it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Computing => "computing gradients",
            Self::Summing => "summing gradients",
            Self::Stepping => "changing the weights",
            Self::Evaluating => "evaluating",
            Self::Saving => "saving",
            Self::Ending => "ending",
        }
    }
}

/// Where a rank notes its phase and its peers' watch reads it. A clone shares the board.
#[derive(Clone, Debug, Default)]
pub struct PhaseBoard(Arc<Board>);

#[derive(Debug, Default)]
struct Board {
    word: AtomicU64,
    /// The first update of this process; 0 before it.
    first: AtomicU64,
    /// Whether a checkpoint is being written beside the phases.
    writes: AtomicBool,
}

/// A phase and the number of the update it belongs to, from 1; packed into one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The phase.
    pub phase: Phase,
    /// The update, 0 before the first.
    pub update: u64,
}

const UPDATE_BITS: u32 = 56;

impl PhaseBoard {
    /// Notes that a phase has begun. With the start of another run in this process, there was no update
    /// yet.
    pub fn enter(&self, phase: Phase, update: u64) {
        if phase == Phase::Starting {
            self.0.first.store(0, Ordering::Relaxed);
        }
        if phase == Phase::Computing {
            let first = &self.0.first;
            let _ = first.compare_exchange(0, update, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.0.word.store(Moment { phase, update }.word(), Ordering::Relaxed);
    }

    /// Whether the first update of this process is over.
    #[must_use]
    pub fn has_updated(&self) -> bool {
        let first = self.0.first.load(Ordering::Relaxed);
        let now = Moment::read(self.word()).map_or(0, |moment| moment.update);
        first != 0 && now > first
    }

    /// Notes whether this rank writes a checkpoint, beside the phases.
    pub fn note_writing(&self, writes: bool) {
        self.0.writes.store(writes, Ordering::Release);
    }

    /// Whether this rank writes a checkpoint: it is incomplete if the process ends now.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.0.writes.load(Ordering::Acquire)
    }

    /// What was noted last, as a word to send.
    #[must_use]
    pub fn word(&self) -> u64 {
        self.0.word.load(Ordering::Relaxed)
    }
}

impl Moment {
    /// Before anything was heard.
    #[must_use]
    pub fn start() -> Self {
        Self { phase: Phase::Starting, update: 0 }
    }

    /// The word that says this.
    #[must_use]
    pub fn word(self) -> u64 {
        (self.phase as u64) << UPDATE_BITS | self.update & ((1 << UPDATE_BITS) - 1)
    }

    /// The word of a call's signature; see [`Phase::of_call`].
    pub(crate) fn of_call(word: u64) -> u64 {
        let moment = Self::read(word).unwrap_or_else(Self::start);
        Self { phase: moment.phase.of_call(), ..moment }.word()
    }

    /// What a peer's word means; nothing when it is no word of ours.
    #[must_use]
    pub fn read(word: u64) -> Option<Self> {
        let phase = *Phase::ALL.get(usize::try_from(word >> UPDATE_BITS).ok()?)?;
        Some(Self { phase, update: word & ((1 << UPDATE_BITS) - 1) })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.update {
            0 => f.write_str(self.phase.words()),
            update => write!(f, "{}, update {update}", self.phase.words()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_the_wire() {
        let board = PhaseBoard::default();
        assert_eq!(Moment::read(board.word()).unwrap().to_string(), "starting");
        for phase in Phase::ALL {
            board.enter(phase, 1 << 40);
            assert_eq!(Moment::read(board.word()), Some(Moment { phase, update: 1 << 40 }));
        }
        board.enter(Phase::Summing, 17);
        assert_eq!(Moment::read(board.word()).unwrap().to_string(), "summing gradients, update 17");
        assert_eq!(Moment::read(u64::MAX), None);
    }

    #[test]
    fn a_resumed_run_has_a_first_update_too() {
        let board = PhaseBoard::default();
        for (phase, update, expected) in [
            (Phase::Starting, 0, false),
            (Phase::Evaluating, 40, false),
            (Phase::Computing, 41, false),
            (Phase::Saving, 41, false),
            (Phase::Computing, 42, true),
        ] {
            board.enter(phase, update);
            assert_eq!(board.has_updated(), expected, "{phase:?} {update}");
        }
    }
}
