//! Recorded runs with updates that are not finite, beside the same runs of candle's graph.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lockstep_collective::{Collective, Threads};
use lockstep_program::Arithmetic;
use lockstep_trainer::{Cadence, OnNonFinite, TrainSettings, Trainer, latest_checkpoint};

use super::before_sums::BeforeSums;
use super::equal::apart;
use super::{Finished, NARROW, emulated, finish, run_parts, short};

const UPDATES: u64 = 18;
/// Counted from 0.
const SKIPPED: [usize; 3] = [4, 5, 12];

/// A rank whose first gradient is NaN in some of its sums, which are counted.
fn poisoned<C: Collective>(inner: C, sums: Arc<AtomicUsize>, at: Vec<usize>) -> impl Collective {
    let before = move |values: &mut [f32]| {
        let number = sums.fetch_add(1, Ordering::Relaxed);
        if let (true, [first, ..]) = (at.contains(&number), values) {
            *first = f32::NAN;
        }
        Ok(())
    };
    BeforeSums { inner, before }
}

type Make = fn(Box<dyn Collective>, TrainSettings) -> Trainer;

fn recorded(collective: Box<dyn Collective>, settings: TrainSettings) -> Trainer {
    emulated(run_parts(NARROW, collective), settings, Arithmetic::F32, 1)
}

fn composed(collective: Box<dyn Collective>, settings: TrainSettings) -> Trainer {
    Trainer::new(run_parts(NARROW, collective), settings).unwrap()
}

fn settings(output: &Path) -> TrainSettings {
    let most = NonZeroU64::new(2).unwrap();
    TrainSettings { on_nonfinite: OnNonFinite::Skip(most), ..short(output, UPDATES) }
}

/// What two ranks leave, of which the second has NaN in these sums, and how many sums there were.
fn run(make: Make, settings: &TrainSettings, at: &[usize], resumes: bool) -> (Finished, usize) {
    let mut ranks = Threads::run(2, |rank| {
        let sums = Arc::default();
        let at = if rank.seat().is_leader() { Vec::new() } else { at.to_vec() };
        let rank = poisoned(rank, Arc::clone(&sums), at);
        let mut trainer = make(Box::new(rank), settings.clone());
        if resumes {
            let checkpoint = latest_checkpoint(&settings.output_dir).unwrap().unwrap();
            trainer.resume(&checkpoint).unwrap();
        }
        (finish(trainer), sums.load(Ordering::Relaxed))
    });
    assert_eq!(ranks.len(), 2, "a rank panicked");
    let (other, first) = (ranks.remove(1), ranks.remove(0));
    assert!(first.0.weights == other.0.weights, "replicas differ");
    first
}

fn skipped(run: &Finished) -> Vec<usize> {
    let at = |step: u64| usize::try_from(step - 1).unwrap();
    run.updates.iter().filter(|report| report.skipped).map(|report| at(report.step)).collect()
}

/// The first sum of each update that is to be skipped.
fn places(make: Make) -> Vec<usize> {
    let output = tempfile::tempdir().unwrap();
    let (_, sums) = run(make, &settings(output.path()), &[], false);
    let of_update = sums / usize::try_from(UPDATES).unwrap();
    SKIPPED.iter().map(|update| update * of_update).collect()
}

#[test]
fn skipped_updates_are_those_of_candles_graph() {
    let finished = [recorded as Make, composed].map(|make| {
        let output = tempfile::tempdir().unwrap();
        let (finished, _) = run(make, &settings(output.path()), &places(make), false);
        assert_eq!(skipped(&finished), SKIPPED);
        finished
    });
    let [losses, weights] = apart(&finished[0], &finished[1]);
    assert!(losses < 1e-5 && weights < 1e-3, "{losses:e}, {weights:e}");
}

#[test]
fn a_recorded_run_with_skipped_updates_is_resumed_with_the_same_bits() {
    let output = tempfile::tempdir().unwrap();
    let every = Cadence::EverySteps(NonZeroU64::new(5).unwrap());
    let mut settings = settings(output.path());
    settings.saving.cadence = every;
    let places = places(recorded);
    let (whole, sums) = run(recorded, &settings, &places, false);
    assert_eq!(skipped(&whole), SKIPPED);
    // From the checkpoint between two skipped updates.
    for step in [10, 15, 18] {
        std::fs::remove_dir_all(output.path().join(format!("checkpoint-{step}"))).unwrap();
    }
    let of_update = sums / usize::try_from(UPDATES).unwrap();
    let later: Vec<usize> =
        places.iter().filter_map(|place| place.checked_sub(5 * of_update)).collect();
    let (resumed, _) = run(recorded, &settings, &later, true);
    assert_eq!(skipped(&resumed), SKIPPED[1..]);
    assert!(resumed.weights == whole.weights, "other weights");
}
