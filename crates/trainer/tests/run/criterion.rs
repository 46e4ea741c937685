//! Class weights and label smoothing: the first update against PyTorch's, however the batch is cut.

use std::num::NonZeroUsize;

use lockstep_collective::{Solo, Threads};
use lockstep_model::HeadKind;
use lockstep_optim::Rates;
use lockstep_testkit::golden_criterion;
use lockstep_trainer::{
    Cadence, Criterion, Observer, RunLength, StopRequest, TrainEvent, TrainSettings, Trainer,
    latest_checkpoint,
};

use crate::setup::{Updates, parts, settings};

const MODEL: (&str, HeadKind) = ("tiny-hf", HeadKind::Hf);
const RATES: Rates = Rates { encoder: 1e-3, head: 1e-3 };

/// PyTorch divides by the sum of the weights of the whole batch, not of a rank's or a pass's part.
#[test]
fn the_first_update_equals_pytorchs_at_any_number_of_ranks_and_passes() {
    for case in golden_criterion().iter().filter(|case| case.rows > 0) {
        for (ranks, accumulation, deterministic) in
            [(1, 1, false), (1, 3, false), (3, 2, false), (5, 1, false), (1, 1, true), (4, 2, true)]
        {
            let output = tempfile::tempdir().unwrap();
            let settings = TrainSettings {
                length: RunLength::Updates(1.try_into().unwrap()),
                global_batch: NonZeroUsize::new(case.rows).unwrap(),
                accumulation: NonZeroUsize::new(accumulation).unwrap(),
                criterion: Criterion::new(case.weights.clone(), case.smoothing),
                deterministic,
                ..settings(output.path(), RATES)
            };
            let found = Threads::run(ranks, |rank| {
                let parts = parts(MODEL, (Some(0.0), usize::MAX), Box::new(rank));
                let mut updates = Updates::default();
                let mut trainer = Trainer::new(parts, settings.clone()).unwrap();
                trainer.run(&mut updates, &StopRequest::default()).unwrap();
                updates.0
            });
            assert_eq!(found.len(), ranks, "a rank panicked");
            for updates in found {
                let [update] = updates.as_slice() else { panic!("{} updates", updates.len()) };
                for (name, found, expected) in
                    [("loss", update.loss, case.loss), ("norm", update.grad_norm, case.grad_norm)]
                {
                    let off = (found - expected).abs() / expected;
                    // f32 against f64 over two blocks: a norm of a gradient is 5e-6 off.
                    let most = if name == "loss" { 1e-6 } else { 5e-6 };
                    let how = format!("{ranks} ranks, {accumulation} passes, {deterministic}");
                    assert!(
                        off < most,
                        "{how}, {:?}: {name} {found}, not {expected}",
                        case.weights
                    );
                }
            }
        }
    }
}

/// A run that resumes by another loss would be neither run.
#[test]
fn another_loss_does_not_resume() {
    let output = tempfile::tempdir().unwrap();
    let run = |criterion| {
        let settings = TrainSettings { criterion, ..settings(output.path(), RATES) };
        Trainer::new(parts(MODEL, (Some(0.0), usize::MAX), Box::new(Solo)), settings).unwrap()
    };
    let stop = StopRequest::default();
    stop.ask();
    let weighted = Criterion::new(vec![1.0, 2.5, 1.0], 0.1);
    run(weighted.clone()).run(&mut Updates::default(), &stop).unwrap();
    let checkpoint = latest_checkpoint(output.path()).unwrap().unwrap();
    run(weighted).resume(&checkpoint).unwrap();
    let refused = run(Criterion::default()).resume(&checkpoint).unwrap_err().to_string();
    for part in ["class_weights", "1, 2.5, 1", "label_smoothing_factor", "0.1", "none"] {
        assert!(refused.contains(part), "{refused}");
    }
}

/// Keeps the losses of evaluations.
#[derive(Default)]
struct Losses(Vec<f64>);

impl Observer for Losses {
    fn observe(&mut self, event: &TrainEvent) {
        if let TrainEvent::Evaluation(report) = event {
            self.0.push(report.loss);
        }
    }
}

/// As in Hugging Face's Trainer, an evaluation's loss is that of the training. With rates of zero the
/// weights stay, so the loss of an update and that of the evaluation on its batch are one.
#[test]
fn an_evaluation_has_the_loss_of_the_training() {
    for case in golden_criterion().iter().filter(|case| case.rows > 0) {
        let output = tempfile::tempdir().unwrap();
        let settings = TrainSettings {
            length: RunLength::Updates(1.try_into().unwrap()),
            global_batch: NonZeroUsize::new(case.rows).unwrap(),
            criterion: Criterion::new(case.weights.clone(), case.smoothing),
            evaluation: Cadence::EveryEpoch,
            ..settings(output.path(), Rates { encoder: 0.0, head: 0.0 })
        };
        let mut parts = parts(MODEL, (Some(0.0), case.rows), Box::new(Solo));
        parts.validation = Some(parts.train.clone());
        let mut losses = Losses::default();
        let mut trainer = Trainer::new(parts, settings).unwrap();
        trainer.run(&mut losses, &StopRequest::default()).unwrap();
        let found = losses.0.first().copied().unwrap();
        let off = (found - case.loss).abs() / case.loss;
        assert!(off < 1e-6, "{:?}: {found}, not {}", case.weights, case.loss);
    }
}
