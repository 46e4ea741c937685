//! Runs with updates that are not finite, losses far above the usual, and ranks with a wrong bit.

use std::fs;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lockstep_collective::{Collective, CollectiveError, Threads};
use lockstep_model::HeadKind;
use lockstep_optim::Rates;
use lockstep_trainer::{
    Cadence, LossSpikeReport, Observer, OnNonFinite, RunLength, StopRequest, TrainError,
    TrainEvent, TrainSettings, Trainer, UpdateReport,
};
use lockstep_world::{Rank, Seat};

use crate::setup::{parts, settings};

/// What goes wrong on a rank, in some updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// A gradient is NaN.
    Gradient,
    /// The loss of its own examples is infinite.
    Loss,
    /// The loss of its own examples is as high as this.
    High(f64),
    /// A bit of the weights that it gets flips.
    Bit,
}

/// A rank with a fault; it knows from [`Told`] which update is under way.
struct Faulty {
    inner: Box<dyn Collective>,
    update: Arc<AtomicU64>,
    fault: Fault,
    at: &'static [u64],
}

impl Faulty {
    fn is_due(&self, fault: Fault) -> bool {
        self.fault == fault && self.at.contains(&self.update.load(Ordering::Relaxed))
    }
}

impl Collective for Faulty {
    fn seat(&self) -> Seat {
        self.inner.seat()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        if let (true, [first, ..]) = (self.is_due(Fault::Gradient), &mut *values) {
            *first = f32::NAN;
        }
        self.inner.all_reduce_sum(values)
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        self.inner.sum_by_tree()
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        self.inner.broadcast(values, root)?;
        if let (true, [first, ..]) = (self.is_due(Fault::Bit), values) {
            *first = f32::from_bits(first.to_bits() ^ 1);
        }
        Ok(())
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        let mut values = values.to_vec();
        // The totals of an update: loss, tokens, examples, stop, squares. The marks of the rows of the
        // word table are as many words.
        if let [loss, _, 0..=16, 0..=1, _] = &mut values[..]
            && (0.0..1e4).contains(&f64::from_bits(*loss))
        {
            match self.fault {
                fault @ Fault::Loss if self.is_due(fault) => *loss = f64::INFINITY.to_bits(),
                fault @ Fault::High(high) if self.is_due(fault) => *loss = high.to_bits(),
                _ => {}
            }
        }
        self.inner.all_gather(&values)
    }
}

/// What a rank is told.
#[derive(Default)]
struct Told {
    updates: Vec<UpdateReport>,
    spikes: Vec<LossSpikeReport>,
    next: Arc<AtomicU64>,
}

impl Observer for Told {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Start(report) => {
                self.next.store(report.first_step + 1, Ordering::Relaxed);
            }
            TrainEvent::Update(report) => {
                self.next.store(report.step + 1, Ordering::Relaxed);
                self.updates.push(report.clone());
            }
            TrainEvent::LossSpike(report) => self.spikes.push(report.clone()),
            _ => {}
        }
    }
}

/// Twenty updates, each saved.
fn short(output: &Path) -> TrainSettings {
    let mut settings = settings(output, Rates { encoder: 1e-3, head: 2e-3 });
    settings.length = RunLength::Updates(NonZeroU64::new(20).unwrap());
    settings.saving.cadence = Cadence::EverySteps(NonZeroU64::MIN);
    settings
}

/// A run of some ranks, of which the last has the fault in these updates.
#[derive(Clone, Copy)]
struct World {
    ranks: usize,
    fault: Fault,
    at: &'static [u64],
}

impl World {
    /// What each rank is told, and its error.
    fn run(
        self,
        settings: &TrainSettings,
        checkpoint: Option<&Path>,
    ) -> Vec<(Told, Option<TrainError>)> {
        let World { ranks, fault, at } = self;
        let told = Threads::run(ranks, |rank| {
            let mut told = Told::default();
            let at = if rank.seat().rank().0 + 1 == ranks { at } else { &[] };
            let update = Arc::clone(&told.next);
            let rank = Faulty { inner: Box::new(rank), update, fault, at };
            let parts = parts(("tiny", HeadKind::Mlp), (Some(0.1), usize::MAX), Box::new(rank));
            let mut trainer = Trainer::new(parts, settings.clone()).unwrap();
            if let Some(checkpoint) = checkpoint {
                trainer.resume(checkpoint).unwrap();
            }
            let error = trainer.run(&mut told, &StopRequest::default()).err();
            (told, error)
        });
        assert_eq!(told.len(), ranks, "a rank panicked");
        told
    }
}

fn skipped(told: &Told) -> Vec<u64> {
    told.updates.iter().filter(|report| report.skipped).map(|report| report.step).collect()
}

fn read(output: &Path, step: u64, name: &str) -> Vec<u8> {
    fs::read(output.join(format!("checkpoint-{step}")).join(name)).unwrap()
}

const STATE: [&str; 2] = ["model.safetensors", "optimizer.safetensors"];

fn skip(most: u64) -> OnNonFinite {
    OnNonFinite::Skip(NonZeroU64::new(most).unwrap())
}

#[test]
fn a_skipped_update_changes_nothing_on_any_rank() {
    for (ranks, fault) in [(1, Fault::Gradient), (2, Fault::Loss), (3, Fault::Gradient)] {
        let output = tempfile::tempdir().unwrap();
        let settings = TrainSettings { on_nonfinite: skip(2), ..short(output.path()) };
        let world = World { ranks, fault, at: &[5, 6, 13] };
        for (told, error) in world.run(&settings, None) {
            assert!(error.is_none(), "{ranks} ranks, {fault:?}: {error:?}");
            assert_eq!(skipped(&told), [5, 6, 13], "{ranks} ranks, {fault:?}");
            assert_eq!(told.updates.len(), 20);
            // The schedule advances.
            assert_ne!(told.updates[5].lr, told.updates[6].lr);
        }
        for name in STATE {
            let at = |step| read(output.path(), step, name);
            assert!(at(4) == at(5) && at(4) == at(6) && at(12) == at(13), "{name} changed");
            assert!(at(6) != at(7) && at(3) != at(4), "{name} did not change");
        }
        let state: serde_json::Value =
            serde_json::from_slice(&read(output.path(), 20, "trainer_state.json")).unwrap();
        assert_eq!(state["skipped_updates"], 3);
        assert!(state["run_losses"]["sum"].as_f64().is_some_and(f64::is_finite));
        let results = fs::read(output.path().join("all_results.json")).unwrap();
        let results: serde_json::Value = serde_json::from_slice(&results).unwrap();
        assert_eq!(results["skipped_updates"], 3);
    }
}

#[test]
fn a_run_with_skipped_updates_is_resumed_with_the_same_bits() {
    let (whole, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World { ranks: 2, fault: Fault::Gradient, at: &[5, 6, 13] };
    let settings = |output: &Path| TrainSettings { on_nonfinite: skip(2), ..short(output) };
    world.run(&settings(whole.path()), None);
    for step in [4, 5, 6, 12, 13] {
        let checkpoint = whole.path().join(format!("checkpoint-{step}"));
        for (told, error) in world.run(&settings(other.path()), Some(&checkpoint)) {
            assert!(error.is_none(), "from {step}: {error:?}");
            assert_eq!(told.updates.len() as u64, 20 - step);
        }
        for name in STATE {
            let same = read(whole.path(), 20, name) == read(other.path(), 20, name);
            assert!(same, "other {name} from {step}");
        }
    }
    // The limit counts what was skipped before the checkpoint.
    let strict = TrainSettings { on_nonfinite: skip(1), ..settings(other.path()) };
    let checkpoint = whole.path().join("checkpoint-5");
    for (_, error) in world.run(&strict, Some(&checkpoint)) {
        let is_right = matches!(error, Some(TrainError::NotFinite { update: 6, skipped: 1, .. }));
        assert!(is_right, "{error:?}");
    }
}

#[test]
fn a_run_ends_after_too_many_skipped_updates_and_saves_none_of_their_kind() {
    let check = |world: World, on_nonfinite, update: u64, skipped: u64, words: &str| {
        let output = tempfile::tempdir().unwrap();
        let settings = TrainSettings { on_nonfinite, ..short(output.path()) };
        for (_, error) in world.run(&settings, None) {
            let error = error.unwrap();
            assert!(error.to_string().contains(words), "{error}");
            match error {
                TrainError::NotFinite { update: found, skipped: before, .. } => {
                    assert_eq!((found, before), (update, skipped), "{on_nonfinite:?}");
                }
                other => panic!("{other}"),
            }
        }
        let saved = |step: u64| output.path().join(format!("checkpoint-{step}")).exists();
        assert!(saved(update - 1) && !saved(update), "{on_nonfinite:?}");
        assert!(!output.path().join("model.safetensors").exists());
    };
    let world = World { ranks: 2, fault: Fault::Gradient, at: &[5, 6, 7, 8, 9] };
    check(world, OnNonFinite::Fail, 5, 0, ", gradient norm NaN");
    check(world, skip(1), 6, 1, "; 1 update directly before it had to be skipped");
    check(world, skip(3), 8, 3, "; 3 updates directly before it had to be skipped");
    check(World { ranks: 1, ..world }, skip(4), 9, 4, "; 4 updates directly before");
    let loss = World { fault: Fault::Loss, ..world };
    check(loss, OnNonFinite::Fail, 5, 0, "loss inf");
    check(loss, OnNonFinite::Fail, 5, 0, ", from the examples of rank 1 alone");
    check(World { ranks: 1, ..loss }, OnNonFinite::Fail, 5, 0, "loss inf, gradient norm");
}

#[test]
fn a_loss_far_above_the_usual_is_reported_and_changes_nothing() {
    let run = |at, ranks| {
        let output = tempfile::tempdir().unwrap();
        let mut settings = short(output.path());
        settings.length = RunLength::Updates(NonZeroU64::new(60).unwrap());
        settings.saving.cadence = Cadence::Never;
        let told = World { ranks, fault: Fault::High(16.0 * 9.5), at }.run(&settings, None);
        let told: Vec<Told> = told.into_iter().map(|(told, _)| told).collect();
        (told, fs::read(output.path().join("model.safetensors")).unwrap())
    };
    for ranks in [1, 2] {
        let (usual, weights) = run(&[], ranks);
        let (high, others) = run(&[40, 45], ranks);
        assert!(weights == others, "a report changed the weights");
        assert!(usual.iter().all(|told| told.spikes.is_empty()));
        for told in high {
            let [LossSpikeReport { step, loss, usual, grad_norm }] = &told.spikes[..] else {
                panic!("{:?}", told.spikes)
            };
            let report = &told.updates[39];
            assert_eq!((*step, *loss, *grad_norm), (40, report.loss, report.grad_norm));
            assert!(*loss > 9.0 && *usual < 2.0, "{loss} above {usual}");
        }
    }
}

#[test]
fn a_rank_with_another_bit_is_named() {
    for ranks in [2, 3, 4] {
        let output = tempfile::tempdir().unwrap();
        let settings = short(output.path());
        for (_, error) in (World { ranks, fault: Fault::Bit, at: &[5] }).run(&settings, None) {
            let words = error.unwrap().to_string();
            let expected = match ranks {
                2 => {
                    "after update 5 rank 0 and rank 1 hold different weights, first in `".to_owned()
                }
                _ => format!(
                    "after update 5 the weights of rank {} differ from those of the other {} ranks",
                    ranks - 1,
                    ranks - 1
                ),
            };
            assert!(words.starts_with(&expected), "{words}");
        }
        assert!(!output.path().join("checkpoint-5").exists());
        assert!(output.path().join("checkpoint-4").exists());
    }
}
