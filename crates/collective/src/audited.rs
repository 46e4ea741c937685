//! Calls that are compared before they are made.
//!
//! Ranks whose calls differ wait for each other for ever, or add up what does not belong together.
//! So all ranks first exchange the number, the verb and the length of the call, always by the same
//! all-gather of the same length: a difference becomes an error that names both calls.

use std::time::Duration;

#[cfg(any(test, feature = "nccl"))]
use lockstep_world::Fingerprint;
use lockstep_world::{Rank, Seat};

use crate::{Collective, CollectiveError};

/// A collective whose calls are compared over all ranks.
#[derive(Debug)]
pub struct Audited<C> {
    inner: C,
    calls: u64,
}

/// A verb, by the number it has on the wire.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Verb {
    AllReduceSum,
    ReduceScatterSum,
    AllGatherShards,
    Broadcast,
    AllGather,
    Barrier,
    Leave,
    #[cfg(any(test, feature = "nccl"))]
    StartSums,
}

/// The number of words in a signature: of the call, the verb, the length, the root or a digest.
const WORDS: usize = 4;

/// How many ranks that made one call are listed.
const LISTED: usize = 4;

impl<C: Collective> Audited<C> {
    /// The same collective, with every call compared.
    pub fn new(inner: C) -> Self {
        Self { inner, calls: 0 }
    }

    fn compare(&mut self, verb: Verb, length: usize, root: Rank) -> Result<(), CollectiveError> {
        self.compare_words(verb, [length as u64, root.0 as u64])
    }

    /// Sums that are only started are compared together, so that they cost a single exchange.
    #[cfg(any(test, feature = "nccl"))]
    fn compare_sums(
        &mut self,
        lengths: impl Iterator<Item = usize>,
    ) -> Result<(), CollectiveError> {
        let nothing = (0, Fingerprint::new());
        let (total, digest) = lengths.fold(nothing, |(total, digest), length| {
            (total + length as u64, digest.then(length as u64))
        });
        self.compare_words(Verb::StartSums, [total, digest.value()])
    }

    fn compare_words(&mut self, verb: Verb, rest: [u64; 2]) -> Result<(), CollectiveError> {
        if self.inner.seat().world().get() == 1 {
            return Ok(());
        }
        self.calls += 1;
        let mine = [self.calls, verb as u64, rest[0], rest[1]];
        let all = self.inner.all_gather(&mine)?;
        if all.chunks_exact(WORDS).all(|theirs| theirs == mine) {
            return Ok(());
        }
        Err(CollectiveError::Diverged { calls: told_apart(&all) })
    }
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
    let [call, verb, length, root] = [words[0], words[1], words[2], words[3]];
    let what = match verb {
        0 => format!("all_reduce_sum of {length} f32"),
        1 => format!("reduce_scatter_sum of {length} f32"),
        2 => format!("all_gather_shards of {length} f32"),
        3 => format!("broadcast of {length} f32 from rank {root}"),
        4 => format!("all_gather of {length} u64"),
        5 => "barrier".to_owned(),
        6 => "leave".to_owned(),
        _ => format!("sums of {length} f32 in parts (digest of their lengths {root:x})"),
    };
    format!("call {call}, {what}")
}

impl<C: Collective> Collective for Audited<C> {
    fn seat(&self) -> Seat {
        self.inner.seat()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.compare(Verb::AllReduceSum, values.len(), Rank(0))?;
        self.inner.all_reduce_sum(values)
    }

    #[cfg(feature = "nccl")]
    fn all_reduce_sum_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
    ) -> Result<(), CollectiveError> {
        self.compare(Verb::AllReduceSum, values.len(), Rank(0))?;
        self.inner.all_reduce_sum_on_gpu(values)
    }

    #[cfg(feature = "nccl")]
    fn start_sums_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
        parts: &[crate::GpuPart<'_>],
    ) -> Result<(), CollectiveError> {
        self.compare_sums(parts.iter().map(|part| part.values.len()))?;
        self.inner.start_sums_on_gpu(values, parts)
    }

    /// Each rank asks when it has to wait, so this is no call of all.
    fn check(&mut self, waited: Duration) -> Result<(), CollectiveError> {
        self.inner.check(waited)
    }

    fn reduce_scatter_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.compare(Verb::ReduceScatterSum, values.len(), Rank(0))?;
        self.inner.reduce_scatter_sum(values)
    }

    fn all_gather_shards(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.compare(Verb::AllGatherShards, values.len(), Rank(0))?;
        self.inner.all_gather_shards(values)
    }

    /// It is no call of all: ranks that were not all asked have other settings, and are refused by them.
    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        self.inner.sum_by_tree()
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        self.compare(Verb::Broadcast, values.len(), root)?;
        self.inner.broadcast(values, root)
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        self.compare(Verb::AllGather, values.len(), Rank(0))?;
        self.inner.all_gather(values)
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.compare(Verb::Barrier, 0, Rank(0))?;
        self.inner.barrier()
    }

    fn leave(mut self: Box<Self>) -> Result<(), CollectiveError> {
        self.compare(Verb::Leave, 0, Rank(0))?;
        Box::new(self.inner).leave()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threads;

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
            "ranks 0, 2: call 2, all_reduce_sum of 8 f32; rank 1: call 2, all_reduce_sum of 7 f32",
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
                ranks.compare_sums(lengths.into_iter())
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
            "rank 0: call 2, all_gather of 1 u64; ranks 1, 2: call 2, all_reduce_sum of 1 f32",
        );
    }

    #[test]
    fn of_many_ranks_the_first_are_listed() {
        let mut all = [9, Verb::Barrier as u64, 0, 0].repeat(1000);
        all[4 * 700 + 1] = Verb::Leave as u64;
        let expected = "ranks 0, 1, 2, 3 and 995 more: call 9, barrier; rank 700: call 9, leave";
        assert_eq!(told_apart(&all), expected);
    }
}
