//! A stop that comes in an evaluation: nothing waits for its end, and nothing is lost.

use std::fs;
use std::num::NonZeroU64;
use std::path::Path;

use lockstep_collective::{Collective, Threads};
use lockstep_data::Order;
use lockstep_model::HeadKind;
use lockstep_optim::Rates;
use lockstep_trainer::{
    Cadence, Ending, FinalModel, Forgotten, Observer, RunLength, StopRequest, TrainEvent,
    TrainSettings, Trainer,
};
use lockstep_world::Seed;

use crate::setup::{parts, settings};

/// Twelve updates, evaluated after each four, the best of which makes the final model.
fn evaluated(output: &Path) -> TrainSettings {
    let mut settings = settings(output, Rates { encoder: 1e-3, head: 2e-3 });
    settings.order = Order::Shuffled(Seed(42));
    settings.length = RunLength::Updates(NonZeroU64::new(12).unwrap());
    settings.evaluation = Cadence::EverySteps(NonZeroU64::new(4).unwrap());
    settings.saving.cadence = settings.evaluation;
    settings.saving.final_model = FinalModel::Best;
    settings
}

/// What a rank is told; it asks for an end after an update, once its evaluation is due.
#[derive(Default)]
struct Told {
    stop: StopRequest,
    stops_after: Option<u64>,
    evaluations: Vec<(u64, u64)>,
    checkpoints: Vec<u64>,
}

impl Observer for Told {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Update(report) if Some(report.step) == self.stops_after => self.stop.ask(),
            TrainEvent::Evaluation(report) => self.evaluations.push((report.step, report.correct)),
            TrainEvent::Checkpoint(report) => self.checkpoints.push(report.step),
            _ => {}
        }
    }
}

/// A run on three ranks, of which the last is asked to stop; what rank 0 was told.
fn run(output: &Path, stops_after: Option<u64>, resume: Option<u64>) -> (Ending, Told) {
    let mut ranks = Threads::run(3, |rank| {
        let is_asked = rank.seat().rank().0 == 2;
        let mut parts = parts(("tiny", HeadKind::Mlp), (Some(0.1), usize::MAX), Box::new(rank));
        parts.validation = Some(parts.train.clone());
        parts.test = Some(parts.train.clone());
        let mut trainer = Trainer::new(parts, evaluated(output)).unwrap();
        if let Some(step) = resume {
            let checkpoint = output.join(format!("checkpoint-{step}"));
            assert_eq!(trainer.resume(&checkpoint).unwrap(), []);
        }
        let stops_after = stops_after.filter(|_| is_asked);
        let mut told = Told { stops_after, ..Told::default() };
        let stop = told.stop.clone();
        (trainer.run(&mut told, &stop).unwrap(), told)
    });
    assert!(ranks.len() == 3 && ranks.iter().all(|(ending, _)| *ending == ranks[0].0));
    ranks.remove(0)
}

#[test]
fn a_stop_in_an_evaluation_is_heard_at_once_and_the_evaluation_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let weights = |output: &Path| fs::read(output.join("model.safetensors")).unwrap();
    let (ending, whole) = run(folder.path(), None, None);
    assert_eq!(ending, Ending::Complete);
    let expected = weights(folder.path());
    // After update 12 the evaluations of the final model are cut short.
    for step in [4, 8, 12] {
        let folder = tempfile::tempdir().unwrap();
        let (ending, first) = run(folder.path(), Some(step), None);
        assert_eq!(ending, Ending::Stopped, "{step}");
        assert_eq!(first.checkpoints.last(), Some(&step));
        assert!(first.evaluations.iter().all(|(at, _)| *at < step), "{step}");
        assert!(!folder.path().join("model.safetensors").exists(), "{step}");
        let (ending, second) = run(folder.path(), None, Some(step));
        assert_eq!(ending, Ending::Complete, "{step}");
        let both = [first.evaluations, second.evaluations].concat();
        assert_eq!(both, whole.evaluations, "{step}");
        assert!(weights(folder.path()) == expected, "{step}: other weights");
    }
}

#[test]
fn what_a_checkpoint_says_and_no_longer_holds_is_told_and_gone_on_without() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), None, None);
    let resumed = |rows: usize| {
        let solo = Box::new(lockstep_collective::Solo);
        let mut parts = parts(("tiny", HeadKind::Mlp), (Some(0.1), usize::MAX), solo);
        let held = crate::setup::parts(
            ("tiny", HeadKind::Mlp),
            (Some(0.1), rows),
            Box::new(lockstep_collective::Solo),
        );
        parts.validation = Some(held.train);
        let mut trainer = Trainer::new(parts, evaluated(folder.path())).unwrap();
        let forgotten = trainer.resume(&folder.path().join("checkpoint-12")).unwrap();
        let mut told = Told::default();
        trainer.run(&mut told, &StopRequest::default()).unwrap();
        (forgotten, told.evaluations)
    };
    let (forgotten, evaluations) = resumed(20);
    assert!(
        matches!(&forgotten[..], [Forgotten::ValidationData { here, there }]
            if here.starts_with("20 examples") && here != there),
        "{forgotten:?}"
    );
    // The weights of the checkpoint are the first that count again.
    assert_eq!(evaluations.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [12]);
    let (forgotten, _) = resumed(20);
    assert_eq!(forgotten, []);
}
