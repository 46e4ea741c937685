//! What the talk between ranks costs: calls, bytes, seconds, and bandwidths others can compare.
//!
//! The bandwidths are those of NVIDIA's nccl-tests, `doc/PERFORMANCE.md`. The algorithm bandwidth
//! is S/t. The bus bandwidth is what a rank's own link must have carried, and so can be held
//! against what the hardware promises, at any number n of ranks: S/t times 2(n-1)/n for all-reduce,
//! (n-1)/n for reduce-scatter and all-gather, 1 for broadcast. S counts what is scattered, and an
//! all-gather's result, whole.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lockstep_world::{Rank, Seat, WorldSize};

use crate::{Collective, CollectiveError};

/// A collective whose calls are counted and timed.
#[derive(Debug)]
pub struct Timed<C> {
    inner: C,
    ledger: Ledger,
}

/// What was counted so far. A clone reads the same ledger, from any thread.
#[derive(Clone, Debug)]
pub struct Ledger {
    world: WorldSize,
    tallies: Arc<Mutex<Tallies>>,
}

/// The calls of each verb that succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tallies {
    /// Of [`Collective::all_reduce_sum`].
    pub all_reduce_sum: Tally,
    /// Of [`Collective::reduce_scatter_sum`].
    pub reduce_scatter_sum: Tally,
    /// Of [`Collective::all_gather_shards`].
    pub all_gather_shards: Tally,
    /// Of [`Collective::broadcast`].
    pub broadcast: Tally,
    /// Of [`Collective::all_gather`].
    pub all_gather: Tally,
    /// Of [`Collective::barrier`].
    pub barrier: Tally,
}

/// The calls of one verb.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Calls of this kind.
    pub calls: u64,
    /// The bytes that each call's S counts.
    pub bytes: u64,
    /// The time spent in them, waiting for other ranks included.
    pub time: Duration,
    /// Bus bandwidth over algorithm bandwidth.
    factor: f64,
}

impl<C: Collective> Timed<C> {
    /// The same collective, and the ledger of its calls.
    pub fn new(inner: C) -> (Self, Ledger) {
        let ledger = Ledger { world: inner.seat().world(), tallies: Arc::default() };
        (Self { inner, ledger: ledger.clone() }, ledger)
    }

    fn time<T>(
        &mut self,
        bytes: usize,
        tally: fn(&mut Tallies) -> &mut Tally,
        call: impl FnOnce(&mut C) -> Result<T, CollectiveError>,
    ) -> Result<T, CollectiveError> {
        let started = Instant::now();
        let answer = call(&mut self.inner)?;
        let time = started.elapsed();
        let mut tallies = self.ledger.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tally(&mut tallies).add(bytes as u64, time);
        Ok(answer)
    }
}

impl Ledger {
    /// The counts of this moment.
    #[must_use]
    pub fn read(&self) -> Tallies {
        let mut tallies = *self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let ranks = self.world.get() as f64;
        tallies.all_reduce_sum.factor = 2.0 * (ranks - 1.0) / ranks;
        tallies.broadcast.factor = 1.0;
        for once_round in [
            &mut tallies.reduce_scatter_sum,
            &mut tallies.all_gather_shards,
            &mut tallies.all_gather,
        ] {
            once_round.factor = (ranks - 1.0) / ranks;
        }
        tallies
    }
}

impl Tallies {
    /// Each verb's calls, with a name for people.
    #[must_use]
    pub fn by_name(&self) -> [(&'static str, Tally); 6] {
        [
            ("all-reduce", self.all_reduce_sum),
            ("reduce-scatter", self.reduce_scatter_sum),
            ("all-gather of weights", self.all_gather_shards),
            ("broadcast", self.broadcast),
            ("all-gather of numbers", self.all_gather),
            ("barrier", self.barrier),
        ]
    }
}

impl Tally {
    /// The calls that came after those of an `earlier` reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            time: self.time.saturating_sub(earlier.time),
            factor: self.factor,
        }
    }

    fn add(&mut self, bytes: u64, time: Duration) {
        self.calls += 1;
        self.bytes += bytes;
        self.time += time;
    }

    /// Bytes a second, S/t; none where no time was spent.
    #[must_use]
    pub fn algorithm_bandwidth(&self) -> Option<f64> {
        let seconds = self.time.as_secs_f64();
        (seconds > 0.0).then(|| self.bytes as f64 / seconds)
    }

    /// Bytes a second of each rank's link; none where no time was spent.
    #[must_use]
    pub fn bus_bandwidth(&self) -> Option<f64> {
        self.algorithm_bandwidth().map(|bandwidth| bandwidth * self.factor)
    }
}

impl<C: Collective> Collective for Timed<C> {
    fn seat(&self) -> Seat {
        self.inner.seat()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let bytes = size_of_val(values);
        self.time(bytes, |of| &mut of.all_reduce_sum, |inner| inner.all_reduce_sum(values))
    }

    #[cfg(feature = "nccl")]
    fn all_reduce_sum_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
    ) -> Result<(), CollectiveError> {
        let bytes = values.len() * size_of::<f32>();
        self.time(bytes, |of| &mut of.all_reduce_sum, |inner| inner.all_reduce_sum_on_gpu(values))
    }

    /// Not counted: the host sees where sums start, and not how long they take.
    #[cfg(feature = "nccl")]
    fn start_sums_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
        parts: &[crate::GpuPart<'_>],
    ) -> Result<(), CollectiveError> {
        self.inner.start_sums_on_gpu(values, parts)
    }

    fn check(&mut self, waited: Duration) -> Result<(), CollectiveError> {
        self.inner.check(waited)
    }

    fn reduce_scatter_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let bytes = size_of_val(values);
        self.time(bytes, |of| &mut of.reduce_scatter_sum, |inner| inner.reduce_scatter_sum(values))
    }

    fn all_gather_shards(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let bytes = size_of_val(values);
        self.time(bytes, |of| &mut of.all_gather_shards, |inner| inner.all_gather_shards(values))
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        self.inner.sum_by_tree()
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        let bytes = size_of_val(values);
        self.time(bytes, |of| &mut of.broadcast, |inner| inner.broadcast(values, root))
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        let bytes = size_of_val(values) * self.seat().world().get();
        self.time(bytes, |of| &mut of.all_gather, |inner| inner.all_gather(values))
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.time(0, |of| &mut of.barrier, C::barrier)
    }

    fn leave(self: Box<Self>) -> Result<(), CollectiveError> {
        Box::new(self.inner).leave()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threads;

    #[test]
    fn calls_are_counted_while_the_collective_is_boxed() {
        let tallies = Threads::run(4, |ranks| {
            let (ranks, ledger) = Timed::new(ranks);
            let mut ranks: Box<dyn Collective> = Box::new(ranks);
            ranks.all_reduce_sum(&mut [0.0; 10]).unwrap();
            ranks.all_reduce_sum(&mut [0.0; 5]).unwrap();
            ranks.reduce_scatter_sum(&mut [0.0; 6]).unwrap();
            ranks.all_gather_shards(&mut [0.0; 7]).unwrap();
            ranks.broadcast(&mut [0.0; 3], Rank(1)).unwrap();
            ranks.broadcast(&mut [0.0; 3], Rank(9)).unwrap_err();
            ranks.all_gather(&[1, 2]).unwrap();
            ranks.barrier().unwrap();
            ledger.read()
        });
        let counts = |tally: Tally| (tally.calls, tally.bytes);
        for all in tallies {
            assert_eq!(counts(all.all_reduce_sum), (2, 60));
            assert_eq!(counts(all.reduce_scatter_sum), (1, 24));
            assert_eq!(counts(all.all_gather_shards), (1, 28));
            assert_eq!(counts(all.broadcast), (1, 12));
            assert_eq!(counts(all.all_gather), (1, 64));
            assert_eq!(counts(all.barrier), (1, 0));
            assert!(all.all_reduce_sum.time > Duration::ZERO);
        }
    }

    fn each(of: &mut Tallies) -> [&mut Tally; 6] {
        let Tallies { all_reduce_sum, reduce_scatter_sum, all_gather_shards, .. } = of;
        let Tallies { broadcast, all_gather, barrier, .. } = of;
        [all_reduce_sum, reduce_scatter_sum, all_gather_shards, broadcast, all_gather, barrier]
    }

    #[test]
    fn bandwidths_are_those_of_nccl_tests() {
        let check = |ranks: usize, expected: [f64; 6]| {
            let world = WorldSize::new(ranks).unwrap();
            let ledger = Ledger { world, tallies: Arc::default() };
            let mut written = ledger.tallies.lock().unwrap();
            for verb in each(&mut written) {
                verb.add(1000, Duration::from_millis(500));
            }
            drop(written);
            let read = each(&mut ledger.read()).map(|verb| *verb);
            assert_eq!(read.map(|verb| verb.algorithm_bandwidth().unwrap()), [2000.0; 6]);
            assert_eq!(read.map(|verb| verb.bus_bandwidth().unwrap()), expected);
        };
        check(1, [0.0, 0.0, 0.0, 2000.0, 0.0, 0.0]);
        check(2, [2000.0, 1000.0, 1000.0, 2000.0, 1000.0, 0.0]);
        check(4, [3000.0, 1500.0, 1500.0, 2000.0, 1500.0, 0.0]);
        assert_eq!(Tally::default().bus_bandwidth(), None);
    }
}
