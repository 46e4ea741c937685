//! Calls that are compared before they are made, and noted in the flight record.
//!
//! Ranks whose calls differ wait for each other for ever, or add up what does not belong together.
//! So all ranks first exchange the number, the verb, the length and the phase of the call, always by
//! the same all-gather of the same length: a difference becomes an error that names both calls. The
//! number travels with a mark that no data has, so that data are not taken for a call.

use std::time::Duration;

#[cfg(any(test, feature = "nccl"))]
use lockstep_world::Fingerprint;
use lockstep_world::{Rank, Seat};

use crate::{CallState, Collective, CollectiveError, FlightRecorder, Moment, Verb};

/// A collective whose calls are compared over all ranks.
#[derive(Debug)]
pub struct Audited<C> {
    inner: C,
    recorder: FlightRecorder,
}

/// What ranks compare of a call: the marked number, the verb, the length, the root or a digest, and the
/// phase with its update.
type Signature = [u64; WORDS];
const WORDS: usize = 5;

/// In the upper half of a number: lengths, counts and hashes of ours never have it.
const MARK: u64 = 0x10c5_7e90 << 32;

/// How many ranks that made one call are listed.
const LISTED: usize = 4;

impl<C: Collective> Audited<C> {
    /// The same collective, with every call compared.
    pub fn new(inner: C) -> Self {
        Self::with(inner, FlightRecorder::default())
    }

    /// The same, with every call noted, too.
    pub fn with(inner: C, recorder: FlightRecorder) -> Self {
        Self { inner, recorder }
    }

    /// Makes a call of `verb` with so many values, once it was compared.
    fn call<T>(
        &mut self,
        verb: Verb,
        length: usize,
        detail: u64,
        run: impl FnOnce(&mut C) -> Result<T, CollectiveError>,
    ) -> Result<T, CollectiveError> {
        let recorder = self.recorder.clone();
        let number = recorder.begin(verb, (length * verb.bytes_of_a_value()) as u64);
        let moment = Moment::of_call(recorder.board().word());
        let mine = [MARK ^ number, verb as u64, length as u64, detail, moment];
        let outcome = self.compare(mine).and_then(|()| run(&mut self.inner));
        recorder.end(match (&outcome, verb) {
            (Err(_), _) => CallState::Failed,
            (Ok(_), Verb::StartSumsOnGpu) => CallState::Launched,
            (Ok(_), _) => CallState::Complete,
        });
        outcome
    }

    fn compare(&mut self, mine: Signature) -> Result<(), CollectiveError> {
        if self.inner.seat().world().get() == 1 {
            return Ok(());
        }
        let all = self.inner.all_gather(&mine)?;
        if all.chunks_exact(WORDS).any(|theirs| theirs != mine) {
            return Err(CollectiveError::Diverged { calls: told_apart(&all) });
        }
        self.recorder.match_up();
        Ok(())
    }
}

/// Sums that are only started are compared together, so that they cost a single exchange: all their
/// values, and a digest of their lengths.
#[cfg(any(test, feature = "nccl"))]
fn of_sums(lengths: impl Iterator<Item = usize>) -> (usize, u64) {
    let nothing = (0, Fingerprint::new());
    let (total, digest) = lengths
        .fold(nothing, |(total, digest), length| (total + length, digest.then(length as u64)));
    (total, digest.value())
}

/// Each call that was made, after the ranks that made it.
fn told_apart(all: &[u64]) -> String {
    let mut calls: Vec<(&[u64], Vec<usize>)> = Vec::new();
    for (rank, words) in all.chunks_exact(WORDS).enumerate() {
        match calls.iter_mut().find(|(call, _)| *call == words) {
            Some((_, ranks)) => ranks.push(rank),
            None => calls.push((words, vec![rank])),
        }
    }
    let told: Vec<_> = calls
        .iter()
        .map(|(words, ranks)| format!("{}: {}", listed(ranks), described(words)))
        .collect();
    told.join("; ")
}

/// A thousand ranks would hide the one that matters.
fn listed(ranks: &[usize]) -> String {
    let first: Vec<_> = ranks.iter().take(LISTED).map(usize::to_string).collect();
    let noun = if ranks.len() == 1 { "rank" } else { "ranks" };
    let rest = match ranks.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{noun} {}{rest}", first.join(", "))
}

fn described(words: &[u64]) -> String {
    let [number, verb, length, detail, moment] = *words else { return String::new() };
    let number = number ^ MARK;
    let (Some(verb), true) = (Verb::read(verb), number >> 32 == 0) else {
        return "the data of another call".to_owned();
    };
    let name = verb.name();
    let what = match verb {
        Verb::AllReduceSum | Verb::ReduceScatterSum | Verb::AllGatherShards => {
            format!("{name} of {length} f32")
        }
        Verb::Broadcast => format!("broadcast of {length} f32 from rank {detail}"),
        Verb::AllGather => format!("all_gather of {length} u64"),
        Verb::Barrier | Verb::Leave => name.to_owned(),
        Verb::StartSumsOnGpu => {
            format!("sums of {length} f32 in parts (digest of their lengths {detail:x})")
        }
    };
    let when = Moment::read(moment).map(|moment| format!(" while {moment}")).unwrap_or_default();
    format!("call {number}, {what}{when}")
}

impl<C: Collective> Collective for Audited<C> {
    fn seat(&self) -> Seat {
        self.inner.seat()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.call(Verb::AllReduceSum, values.len(), 0, |inner| inner.all_reduce_sum(values))
    }

    #[cfg(feature = "nccl")]
    fn all_reduce_sum_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
    ) -> Result<(), CollectiveError> {
        self.call(Verb::AllReduceSum, values.len(), 0, |inner| inner.all_reduce_sum_on_gpu(values))
    }

    #[cfg(feature = "nccl")]
    fn start_sums_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
        parts: &[crate::GpuPart<'_>],
    ) -> Result<(), CollectiveError> {
        let (length, digest) = of_sums(parts.iter().map(|part| part.values.len()));
        let start = |inner: &mut C| inner.start_sums_on_gpu(values, parts);
        self.call(Verb::StartSumsOnGpu, length, digest, start)
    }

    /// Each rank asks when it has to wait, so this is not a call of all.
    fn check(&mut self, waited: Duration) -> Result<(), CollectiveError> {
        self.inner.check(waited)
    }

    fn reduce_scatter_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let length = values.len();
        self.call(Verb::ReduceScatterSum, length, 0, |inner| inner.reduce_scatter_sum(values))
    }

    fn all_gather_shards(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.call(Verb::AllGatherShards, values.len(), 0, |inner| inner.all_gather_shards(values))
    }

    /// It is no call of all: ranks that were not all asked have other settings, and are refused by them.
    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        self.inner.sum_by_tree()
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        let (length, detail) = (values.len(), root.0 as u64);
        self.call(Verb::Broadcast, length, detail, |inner| inner.broadcast(values, root))
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        self.call(Verb::AllGather, values.len(), 0, |inner| inner.all_gather(values))
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.call(Verb::Barrier, 0, 0, C::barrier)
    }

    fn leave(mut self: Box<Self>) -> Result<(), CollectiveError> {
        self.call(Verb::Leave, 0, 0, |_| Ok(()))?;
        Box::new(self.inner).leave()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Phase, Threads};

    fn check(
        act: impl Fn(usize, &mut Audited<Threads>) -> Result<(), CollectiveError> + Sync,
        expected: &str,
    ) {
        let errors = Threads::run(3, |ranks| {
            let rank = ranks.seat().rank().0;
            let mut ranks = Audited::new(ranks);
            ranks.barrier().unwrap();
            act(rank, &mut ranks).unwrap_err().to_string()
        });
        assert_eq!(errors.len(), 3, "a rank did not fail");
        assert!(errors.iter().all(|error| error.contains(expected)), "{errors:?}");
    }

    #[test]
    fn calls_that_differ_are_named() {
        let sum =
            |ranks: &mut Audited<Threads>, length| ranks.all_reduce_sum(&mut vec![0.0; length]);
        check(
            |rank, ranks| sum(ranks, if rank == 1 { 7 } else { 8 }),
            "ranks 0, 2: call 2, all_reduce_sum of 8 f32 while starting; rank 1: call 2, \
             all_reduce_sum of 7 f32 while starting",
        );
        check(
            |rank, ranks| if rank == 2 { ranks.barrier() } else { sum(ranks, 8) },
            "rank 2: call 2, barrier",
        );
        check(
            |rank, ranks| ranks.broadcast(&mut [0.0], Rank(rank)),
            "rank 1: call 2, broadcast of 1 f32 from rank 1",
        );
        check(
            |rank, ranks| {
                let lengths = if rank == 1 { [3, 5] } else { [5, 3] };
                let (length, digest) = of_sums(lengths.into_iter());
                ranks.call(Verb::StartSumsOnGpu, length, digest, |_| Ok(()))
            },
            "rank 1: call 2, sums of 8 f32 in parts",
        );
        check(
            |rank, ranks| {
                if rank == 0 {
                    ranks.all_gather(&[1]).map(drop)?;
                }
                sum(ranks, 1)
            },
            "rank 0: call 2, all_gather of 1 u64 while starting; ranks 1, 2: call 2, all_reduce_sum of 1 f32",
        );
    }

    #[test]
    fn of_many_ranks_the_first_are_listed() {
        let moment = Moment { phase: Phase::Saving, update: 7 }.word();
        let mut all = [MARK ^ 9, Verb::Barrier as u64, 0, 0, moment].repeat(1000);
        all[WORDS * 700 + 1] = Verb::Leave as u64;
        let expected = "ranks 0, 1, 2, 3 and 995 more: call 9, barrier while saving, update 7; \
                        rank 700: call 9, leave while saving, update 7";
        assert_eq!(told_apart(&all), expected);
    }

    /// Two calls of one verb and length, whose words mean different things.
    #[test]
    fn calls_of_different_phases_differ() {
        let errors = Threads::run(2, |ranks| {
            let recorder = FlightRecorder::default();
            let is_first = ranks.seat().is_leader();
            let mut ranks = Audited::with(ranks, recorder.clone());
            recorder.board().enter(Phase::Summing, 8);
            ranks.barrier().unwrap();
            recorder.board().enter(if is_first { Phase::Saving } else { Phase::Evaluating }, 8);
            ranks.all_gather(&[u64::MAX]).unwrap_err().to_string()
        });
        let expected = "rank 0: call 2, all_gather of 1 u64 while saving, update 8; \
                        rank 1: call 2, all_gather of 1 u64 while evaluating, update 8";
        assert!(errors.iter().all(|error| error.contains(expected)), "{errors:?}");
    }

    #[test]
    fn the_phases_of_an_update_are_one() {
        let errors = Threads::run(2, |ranks| {
            let recorder = FlightRecorder::default();
            let is_first = ranks.seat().is_leader();
            let mut ranks = Audited::with(ranks, recorder.clone());
            recorder.board().enter(if is_first { Phase::Computing } else { Phase::Stepping }, 8);
            ranks.all_reduce_sum(&mut [1.0; 3])
        });
        assert!(errors.iter().all(Result::is_ok), "{errors:?}");
    }

    #[test]
    fn data_are_not_taken_for_a_call() {
        let errors = Threads::run(2, |ranks| match ranks.seat().is_leader() {
            true => Audited::new(ranks).barrier().unwrap_err().to_string(),
            // As long as a signature.
            false => {
                let mut ranks = ranks;
                ranks.all_gather(&[1, 5, 0, 0, 0]).map(|_| String::new()).unwrap()
            }
        });
        assert!(errors[0].contains("rank 1: the data of another call"), "{errors:?}");
    }
}
