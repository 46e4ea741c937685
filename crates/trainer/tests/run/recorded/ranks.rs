//! Recorded runs on many ranks; threads stand in for processes.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lockstep_collective::{
    Audited, Collective, CollectiveError, MeetingPlace, Patience, Solo, Tcp, Threads,
};
use lockstep_program::Arithmetic;
use lockstep_testkit::free_port;
use lockstep_trainer::{Cadence, StopRequest, TrainSettings};
use lockstep_world::{Rank, Seat, WorldSize};

use super::before_sums::BeforeSums;
use super::equal::apart;
use super::{Finished, NARROW, emulated, finish, on_cpu, run_parts, short};
use crate::setup::Updates;

/// What a world of ranks does.
#[derive(Clone, Copy, Debug)]
struct World {
    ranks: usize,
    batch: usize,
    accumulation: usize,
    /// Whether the weights are compared after each update, for which the engine has to finish it.
    compares: bool,
}

const UPDATES: u64 = 18;

impl World {
    fn settings(self, output: &Path) -> TrainSettings {
        let settings = short(output, UPDATES);
        let count = |count| NonZeroUsize::new(count).unwrap();
        TrainSettings {
            global_batch: count(self.batch),
            accumulation: count(self.accumulation),
            replica_check: if self.compares { settings.replica_check } else { Cadence::Never },
            ..settings
        }
    }

    /// The run of each rank, and the lengths of its sums.
    fn run(self) -> Vec<(Finished, Vec<usize>)> {
        let output = tempfile::tempdir().unwrap();
        let ranks = Threads::run(self.ranks, |rank| {
            let (ranks, lengths) = noting(Audited::new(rank));
            let parts = run_parts(NARROW, Box::new(ranks));
            let trainer = emulated(parts, self.settings(output.path()), Arithmetic::F32, 1);
            let finished = finish(trainer);
            let lengths = lengths.lock().unwrap().clone();
            (finished, lengths)
        });
        assert_eq!(ranks.len(), self.ranks, "a rank panicked: {self:?}");
        ranks
    }
}

/// A collective that notes the length of each sum, and these lengths.
fn noting<C: Collective>(inner: C) -> (impl Collective, Arc<Mutex<Vec<usize>>>) {
    let lengths = Arc::<Mutex<Vec<usize>>>::default();
    let noted = Arc::clone(&lengths);
    let before = move |values: &mut [f32]| {
        noted.lock().unwrap().push(values.len());
        Ok(())
    };
    (BeforeSums { inner, before }, lengths)
}

fn check(world: World) {
    let ranks = world.run();
    let (first, first_lengths) = &ranks[0];
    for (other, lengths) in &ranks {
        assert!(other.weights == first.weights, "replicas differ: {world:?}");
        for (found, expected) in other.updates.iter().zip(&first.updates) {
            let values = |report: &lockstep_trainer::UpdateReport| {
                (report.loss.to_bits(), report.grad_norm.to_bits(), report.examples, report.tokens)
            };
            assert_eq!(values(found), values(expected), "{world:?}, update {}", found.step);
        }
        assert_eq!(lengths, first_lengths, "{world:?}");
    }
    let output = tempfile::tempdir().unwrap();
    let alone = World { accumulation: 1, ..world };
    let alone = finish(on_cpu(NARROW, alone.settings(output.path())));
    let [losses, weights] = apart(first, &alone);
    println!("{world:?}: losses {losses:.1e}, weights {weights:.1e} apart from one rank");
    assert!(losses < 1e-5 && weights < 1e-3, "{world:?}: {losses:e}, {weights:e}");
}

#[test]
fn ranks_hold_equal_bits_and_make_the_run_of_one() {
    let world = World { ranks: 2, batch: 16, accumulation: 1, compares: true };
    check(world);
    check(World { ranks: 3, accumulation: 3, compares: false, ..world });
    check(World { ranks: 3, batch: 7, accumulation: 2, compares: false });
}

#[test]
fn ranks_without_an_example_take_part() {
    check(World { ranks: 3, batch: 2, accumulation: 1, compares: false });
    check(World { ranks: 3, batch: 1, accumulation: 2, compares: true });
}

#[test]
fn an_update_sums_the_buckets_in_the_order_in_which_they_are_complete() {
    let world = World { ranks: 2, batch: 5, accumulation: 2, compares: false };
    let (_, lengths) = world.run().remove(0);
    // Width 64, feed-forward 96, 128 positions; the head has 32 columns for three classes.
    let head = 32 * 64 + 32 + 3 * 32 + 4;
    let block = 4 * (64 * 64 + 64) + 2 * 64 * 96 + 96 + 64 + 4 * 64;
    let rest = 128 * 64 + 2 * 64 + 8;
    let updates: Vec<_> = lengths.chunks(5).collect();
    assert_eq!(updates.len() as u64, UPDATES, "{lengths:?}");
    for update in updates {
        assert_eq!(update[..4], [head, block, block, block], "{update:?}");
        let rows = update[4] - rest;
        assert!(rows > 0 && rows % 64 == 0, "{update:?}");
    }
}

#[test]
fn a_rank_that_is_alone_makes_no_call() {
    let output = tempfile::tempdir().unwrap();
    let (ranks, lengths) = noting(Solo);
    let parts = run_parts(NARROW, Box::new(ranks));
    finish(emulated(parts, short(output.path(), 3), Arithmetic::F32, 1));
    assert!(lengths.lock().unwrap().is_empty());
}

/// A rank that is gone after so many sums.
fn mortal(inner: Tcp, mut sums: usize) -> impl Collective {
    let before = move |_: &mut [f32]| {
        let dead = || CollectiveError::Library {
            library: "this test",
            call: "all_reduce_sum",
            cause: "its time has come".to_owned(),
        };
        sums = sums.checked_sub(1).ok_or_else(dead)?;
        Ok(())
    };
    BeforeSums { inner, before }
}

/// The error of one of two ranks, of which rank 1 dies between two sums of its third update.
fn error(rank: usize, place: &MeetingPlace) -> String {
    let seat = Seat::new(Rank(rank), WorldSize::new(2).unwrap()).unwrap();
    let patience = Patience { limit: Duration::from_secs(30), tell: &|_| {} };
    let inner = Tcp::meet(seat, &place.clone().into(), &patience).unwrap();
    let sums = if rank == 1 { 2 * 5 + 2 } else { usize::MAX };
    let output = tempfile::tempdir().unwrap();
    let settings = TrainSettings { replica_check: Cadence::Never, ..short(output.path(), UPDATES) };
    let parts = run_parts(NARROW, Box::new(Audited::new(mortal(inner, sums))));
    let mut trainer = emulated(parts, settings, Arithmetic::F32, 1);
    trainer.run(&mut Updates::default(), &StopRequest::default()).unwrap_err().to_string()
}

#[test]
fn a_rank_that_is_lost_in_the_middle_of_an_update_is_named() {
    let port = free_port();
    let place = MeetingPlace { host: "localhost".to_owned(), port };
    // Both threads end, or the scope would not.
    let errors = thread::scope(|scope| {
        let place = &place;
        [0, 1].map(|rank| scope.spawn(move || error(rank, place))).map(|rank| rank.join().unwrap())
    });
    assert!(errors[0].contains("rank 1") && errors[0].contains("was lost"), "{}", errors[0]);
    assert!(errors[1].contains("its time has come"), "{}", errors[1]);
}
