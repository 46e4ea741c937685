//! The last calls between ranks, kept in memory: what a rank was doing when a run ended or stopped.
//!
//! A call costs two short locks and no allocation. The watch reads from here how far a rank is.

mod record;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use record::{CallRecord, CallState, FlightRecord};

use crate::{Moment, Phase, PhaseBoard, Verb};

/// How many calls are kept.
const KEPT: usize = 256;

/// Notes the calls of one rank. A clone notes in the same place.
#[derive(Clone, Debug, Default)]
pub struct FlightRecorder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    board: PhaseBoard,
    /// When the recorder was made, by both clocks.
    began: Instant,
    date: SystemTime,
    run: OnceLock<String>,
    calls: Mutex<Calls>,
}

#[derive(Debug)]
struct Calls {
    /// The number of the call that was begun last, from 1.
    begun: u64,
    /// Calls that are under way: one, and those that it makes itself.
    depth: u32,
    /// The time spent in calls that have ended, of phases in which ranks share the work.
    spent: Duration,
    ring: Vec<Call>,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    number: u64,
    verb: Verb,
    bytes: u64,
    state: CallState,
    word: u64,
    started: Duration,
    ended: Option<Duration>,
}

/// How far a rank is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Position {
    /// The number of the call that it began last; 0 before the first.
    pub(crate) calls: u64,
    /// The verb of that call, while the rank is in it.
    pub(crate) inside: Option<Verb>,
    /// The time spent in calls of phases in which ranks share the work, in milliseconds.
    pub(crate) spent: u64,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            board: PhaseBoard::default(),
            began: Instant::now(),
            date: SystemTime::now(),
            run: OnceLock::new(),
            calls: Mutex::new(Calls {
                begun: 0,
                depth: 0,
                spent: Duration::ZERO,
                ring: Vec::with_capacity(KEPT),
            }),
        }
    }
}

impl FlightRecorder {
    /// A recorder whose calls get the phase and the update of this board.
    #[must_use]
    pub fn new(board: PhaseBoard) -> Self {
        Self(Arc::new(Shared { board, ..Shared::default() }))
    }

    /// Where this rank notes its phase.
    #[must_use]
    pub fn board(&self) -> &PhaseBoard {
        &self.0.board
    }

    /// Gives the run a name, the same on all ranks; the first one stays.
    pub(crate) fn name_run(&self, name: String) {
        let _ = self.0.run.set(name);
    }

    /// Notes the start of a call, and gives its number. A call that another one makes is a part of it.
    pub(crate) fn begin(&self, verb: Verb, bytes: u64) -> u64 {
        let (word, started) = (self.0.board.word(), self.0.began.elapsed());
        let mut calls = self.calls();
        calls.depth += 1;
        if calls.depth == 1 {
            calls.begun += 1;
            let (number, state) = (calls.begun, CallState::Waiting);
            calls.put(Call { number, verb, bytes, state, word, started, ended: None });
        }
        calls.begun
    }

    /// Notes that all ranks have begun this call, and that it is the same on all of them.
    pub(crate) fn match_up(&self) {
        if let Some(call) = self.calls().last_mut() {
            call.state = CallState::Matched;
        }
    }

    /// Notes the end of a call.
    pub(crate) fn end(&self, state: CallState) {
        let now = self.0.began.elapsed();
        let mut calls = self.calls();
        calls.depth = calls.depth.saturating_sub(1);
        if calls.depth > 0 {
            return;
        }
        let Some(call) = calls.last_mut() else { return };
        (call.state, call.ended) = (state, Some(now));
        let time = call.shared_time(now);
        calls.spent += time;
    }

    /// How far this rank is.
    pub(crate) fn position(&self) -> Position {
        let now = self.0.began.elapsed();
        let mut calls = self.calls();
        let (begun, spent, is_inside) = (calls.begun, calls.spent, calls.depth > 0);
        let call = calls.last_mut().filter(|_| is_inside);
        let current = call.as_ref().map_or(Duration::ZERO, |call| call.shared_time(now));
        Position {
            calls: begun,
            inside: call.map(|call| call.verb),
            spent: u64::try_from((spent + current).as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// What was noted last, the oldest call first, and why it is looked at.
    #[must_use]
    pub fn record(&self, reason: &str) -> FlightRecord {
        let calls: Vec<Call> = {
            let calls = self.calls();
            let (older, newer) = calls.ring.split_at(calls.place().min(calls.ring.len()));
            [newer, older].concat()
        };
        let began = self.0.date.duration_since(UNIX_EPOCH).unwrap_or_default();
        let date = |since: Duration| (began + since).as_secs_f64();
        let moment = Moment::read(self.0.board.word()).unwrap_or_else(Moment::start);
        FlightRecord {
            version: FlightRecord::VERSION,
            run: self.0.run.get().cloned().unwrap_or_default(),
            rank: 0,
            world: 1,
            host: String::new(),
            process: std::process::id(),
            reason: reason.to_owned(),
            written: date(self.0.began.elapsed()),
            phase: moment.phase,
            update: moment.update,
            calls: calls.iter().map(|call| call.record(date)).collect(),
        }
    }

    /// Whether what was noted can be read now: a thread that failed while it noted may hold it.
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    /// Where the next call goes: the place of the oldest, once all are taken.
    fn place(&self) -> usize {
        usize::try_from(self.begun).unwrap_or_default() % KEPT
    }

    fn put(&mut self, call: Call) {
        let place = (self.place() + KEPT - 1) % KEPT;
        match self.ring.get_mut(place) {
            Some(oldest) => *oldest = call,
            None => self.ring.push(call),
        }
    }

    fn last_mut(&mut self) -> Option<&mut Call> {
        let place = (self.place() + KEPT - 1) % KEPT;
        self.ring.get_mut(place)
    }
}

impl Call {
    /// The time until `now`, where ranks share the work of its phase.
    fn shared_time(&self, now: Duration) -> Duration {
        let phase = Moment::read(self.word).map(|moment| moment.phase);
        let is_shared = phase.is_some_and(Phase::is_shared);
        if is_shared { now.saturating_sub(self.started) } else { Duration::ZERO }
    }

    fn record(&self, date: impl Fn(Duration) -> f64) -> CallRecord {
        let Self { number, verb, bytes, state, word, started, ended } = *self;
        let moment = Moment::read(word).unwrap_or_else(Moment::start);
        CallRecord {
            number,
            verb,
            bytes,
            state,
            phase: moment.phase,
            update: moment.update,
            started: date(started),
            ended: ended.map(date),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_calls_are_kept_in_their_order() {
        for calls in [0, 1, 255, 256, 257, 1000] {
            let recorder = FlightRecorder::default();
            for call in 1..=calls {
                recorder.board().enter(Phase::Computing, call);
                assert_eq!(recorder.begin(Verb::Barrier, call), call);
                recorder.end(CallState::Complete);
            }
            let record = recorder.record("test");
            let numbers: Vec<u64> = record.calls.iter().map(|call| call.number).collect();
            let first = calls.saturating_sub(KEPT as u64) + 1;
            assert_eq!(numbers, (first..=calls).collect::<Vec<_>>(), "{calls} calls");
            assert!(record.calls.iter().all(|call| call.update == call.number));
        }
    }

    #[test]
    fn waiting_for_the_leaders_checkpoint_is_not_counted() {
        let check = |phase: Phase, is_counted: bool| {
            let recorder = FlightRecorder::default();
            recorder.board().enter(phase, 1);
            recorder.begin(Verb::Barrier, 0);
            std::thread::sleep(Duration::from_millis(5));
            assert_eq!(recorder.position().spent > 0, is_counted, "{phase:?}");
            recorder.end(CallState::Matched);
            assert_eq!(recorder.position().spent > 0, is_counted, "{phase:?}");
        };
        check(Phase::Summing, true);
        check(Phase::Evaluating, true);
        check(Phase::Saving, false);
        check(Phase::Starting, false);
    }

    #[test]
    fn a_call_within_a_call_is_a_part_of_it() {
        let recorder = FlightRecorder::default();
        assert_eq!(recorder.position(), Position::default());
        assert_eq!(recorder.begin(Verb::AllReduceSum, 8), 1);
        assert_eq!(recorder.begin(Verb::AllGather, 4), 1);
        recorder.match_up();
        recorder.end(CallState::Complete);
        let position = recorder.position();
        assert_eq!((position.calls, position.inside), (1, Some(Verb::AllReduceSum)));
        let state = |recorder: &FlightRecorder| recorder.record("").calls[0].state;
        assert_eq!(state(&recorder), CallState::Matched);
        recorder.end(CallState::Failed);
        assert_eq!(state(&recorder), CallState::Failed);
        assert_eq!(recorder.position().inside, None);
    }
}
