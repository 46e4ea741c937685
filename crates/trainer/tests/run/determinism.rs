//! Deterministic mode: not a bit depends on the number of ranks.

use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;

use lockstep_collective::{Collective, Solo, Threads};
use lockstep_data::Order;
use lockstep_model::{Bf16, HeadKind, Precision};
use lockstep_optim::Rates;
use lockstep_testkit::skip;
use lockstep_trainer::{
    Cadence, Observer, Parts, RunLength, StopRequest, TrainEvent, TrainSettings, Trainer,
    latest_checkpoint,
};
use lockstep_world::{Fingerprint, Seed};

use crate::setup::{parts, settings};

/// A run with dropout, clipping, an epoch's smaller last batch and evaluations.
#[derive(Clone, Copy, Debug)]
struct Case {
    rows: usize,
    batch: usize,
    accumulation: usize,
    precision: Precision,
}

const CASE: Case = Case { rows: usize::MAX, batch: 13, accumulation: 1, precision: Precision::F32 };

/// What each event said, in bits, and the weights at the end.
#[derive(Debug, Default, PartialEq)]
struct Bits {
    updates: Vec<[u64; 4]>,
    evaluations: Vec<u64>,
    weights: u64,
}

impl Observer for Bits {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Update(report) => {
                let counts = [report.examples, report.tokens].map(|count| count as u64);
                let numbers = [report.loss.to_bits(), report.grad_norm.to_bits()];
                self.updates.push([numbers[0], numbers[1], counts[0], counts[1]]);
            }
            TrainEvent::Evaluation(report) => self.evaluations.push(report.loss.to_bits()),
            _ => {}
        }
    }
}

impl Case {
    fn settings(self, output: &Path) -> TrainSettings {
        TrainSettings {
            order: Order::Shuffled(Seed(42)),
            length: RunLength::Updates(NonZeroU64::new(12).unwrap()),
            global_batch: NonZeroUsize::new(self.batch).unwrap(),
            accumulation: NonZeroUsize::new(self.accumulation).unwrap(),
            max_grad_norm: 0.5,
            evaluation: Cadence::EverySteps(NonZeroU64::new(4).unwrap()),
            deterministic: true,
            ..settings(output, Rates { encoder: 1e-3, head: 2e-3 })
        }
    }

    /// What one rank sees of the run; it continues from a checkpoint, if there is one.
    fn follow(
        self,
        settings: &TrainSettings,
        collective: Box<dyn Collective>,
        checkpoint: Option<&Path>,
    ) -> Bits {
        let parts = parts(("tiny", HeadKind::Mlp), (Some(0.1), self.rows), collective);
        let parts = Parts {
            validation: Some(parts.train.clone()),
            model: parts.model.in_precision(self.precision),
            ..parts
        };
        let mut trainer = Trainer::new(parts, settings.clone()).unwrap();
        if let Some(checkpoint) = checkpoint {
            trainer.resume(checkpoint).unwrap();
        }
        let mut bits = Bits::default();
        trainer.run(&mut bits, &StopRequest::default()).unwrap();
        bits.weights = weights(&trainer);
        bits
    }

    fn run(self, ranks: usize) -> Vec<Bits> {
        let output = tempfile::tempdir().unwrap();
        let settings = self.settings(output.path());
        let found = Threads::run(ranks, |rank| self.follow(&settings, Box::new(rank), None));
        assert_eq!(found.len(), ranks, "a rank panicked");
        found
    }
}

fn bf16() -> Option<Precision> {
    let found = Bf16::detect().map(Precision::Bf16);
    if found.is_none() {
        skip("this processor has no products in bf16");
    }
    found
}

fn weights(trainer: &Trainer) -> u64 {
    let tensors = trainer.model().parameters().iter();
    let values = tensors.flat_map(|(_, weight)| {
        weight.as_tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap()
    });
    let mix = |before: Fingerprint, value: f32| before.then(u64::from(value.to_bits()));
    values.fold(Fingerprint::new(), mix).value()
}

fn check(case: Case, worlds: &[usize]) {
    let alone = case.run(1).remove(0);
    assert_eq!(alone.updates.len(), 12);
    for &ranks in worlds {
        for found in case.run(ranks) {
            assert_eq!(found, alone, "{case:?}, {ranks} ranks");
        }
    }
}

#[test]
fn every_number_of_ranks_up_to_eight_gives_the_same_bits() {
    check(CASE, &[2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn shares_without_an_example_and_parts_of_shares_change_no_bit_either() {
    check(Case { rows: 5, ..CASE }, &[2, 4, 8]);
    check(Case { rows: 1, batch: 1, ..CASE }, &[2, 3]);
    check(Case { batch: 64, accumulation: 3, ..CASE }, &[2, 4]);
}

#[test]
fn passes_in_bf16_give_the_same_bits() {
    let Some(precision) = bf16() else { return };
    check(Case { precision, ..CASE }, &[2, 4]);
}

#[test]
fn threads_change_no_bit() {
    for precision in [Some(Precision::F32), bf16()].into_iter().flatten() {
        let case = Case { precision, batch: 64, ..CASE };
        let on = |threads: usize| {
            let output = tempfile::tempdir().unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let settings = case.settings(output.path());
            pool.install(|| case.follow(&settings, Box::new(Solo), None))
        };
        let one = on(1);
        for threads in [2, 3] {
            assert_eq!(on(threads), one, "{threads} threads, {precision}");
        }
    }
}

#[test]
fn a_run_continues_on_fewer_ranks_with_the_same_bits() {
    let output = tempfile::tempdir().unwrap();
    let mut settings = CASE.settings(output.path());
    settings.saving.cadence = Cadence::EverySteps(NonZeroU64::new(4).unwrap());
    let whole = CASE.run(4).remove(0);
    let follow = |ranks: usize, checkpoint: Option<&Path>| {
        Threads::run(ranks, |rank| CASE.follow(&settings, Box::new(rank), checkpoint)).remove(0)
    };
    let forget = |steps: &[u64]| {
        for step in steps {
            fs::remove_dir_all(output.path().join(format!("checkpoint-{step}"))).unwrap();
        }
        latest_checkpoint(output.path()).unwrap().unwrap()
    };
    follow(4, None);
    let second = follow(2, Some(&forget(&[8, 12])));
    assert_eq!((second.updates, second.weights), (whole.updates[4..].to_vec(), whole.weights));
    let third = follow(1, Some(&forget(&[12])));
    assert_eq!((third.updates, third.weights), (whole.updates[8..].to_vec(), whole.weights));
}

#[test]
fn more_ranks_than_shares_are_refused() {
    let output = tempfile::tempdir().unwrap();
    let settings = CASE.settings(output.path());
    let errors = Threads::run(9, |rank| {
        let parts = parts(("tiny", HeadKind::Mlp), (None, 20), Box::new(rank));
        Trainer::new(parts, settings.clone()).err().map(|error| error.to_string())
    });
    let expected = "deterministic mode runs on at most 8 ranks, but this run has 9";
    assert_eq!(errors, vec![Some(expected.to_owned()); 9]);
}
