//! A run that was interrupted ends with the bits of one that was not.

use std::fs;
use std::num::NonZeroU64;
use std::path::Path;

use lockstep_data::Order;
use lockstep_model::HeadKind;
use lockstep_optim::Rates;
use lockstep_trainer::{
    Cadence, Ending, Observer, StopRequest, TrainError, TrainEvent, TrainSettings,
    latest_checkpoint,
};
use lockstep_world::Seed;

use crate::setup::{Updates, settings, trainer};

const START: (&str, HeadKind) = ("tiny", HeadKind::Mlp);

/// Dropout, shuffling, a checkpoint every seven updates: 13 updates an epoch, 40 in all.
fn shuffled(output: &Path) -> TrainSettings {
    let mut settings = settings(output, Rates { encoder: 1e-3, head: 5e-3 });
    settings.order = Order::Shuffled(Seed(42));
    settings.saving.cadence = Cadence::EverySteps(NonZeroU64::new(7).unwrap());
    settings
}

/// Asks for the end after an update.
struct StopAfter {
    step: u64,
    stop: StopRequest,
}

impl Observer for StopAfter {
    fn observe(&mut self, event: &TrainEvent) {
        if matches!(event, TrainEvent::Update(report) if report.step == self.step) {
            self.stop.ask();
        }
    }
}

fn uninterrupted() -> Vec<u8> {
    let output = tempfile::tempdir().unwrap();
    let mut run = trainer(START, Some(0.2), shuffled(output.path()));
    run.run(&mut Updates::default(), &StopRequest::default()).unwrap();
    fs::read(output.path().join("model.safetensors")).unwrap()
}

#[test]
fn a_stopped_and_resumed_run_ends_with_the_same_bits() {
    let expected = uninterrupted();
    for step in [1, 6, 7, 12, 13, 25, 39] {
        let output = tempfile::tempdir().unwrap();
        let stop = StopRequest::default();
        let mut first = trainer(START, Some(0.2), shuffled(output.path()));
        let ending = first.run(&mut StopAfter { step, stop: stop.clone() }, &stop).unwrap();
        // The request is seen by the update after the one that was reported.
        assert_eq!(ending, if step == 39 { Ending::Complete } else { Ending::Stopped });
        let mut second = trainer(START, Some(0.2), shuffled(output.path()));
        let checkpoint = latest_checkpoint(output.path()).unwrap().unwrap();
        second.resume(&checkpoint).unwrap();
        second.run(&mut Updates::default(), &StopRequest::default()).unwrap();
        let found = fs::read(output.path().join("model.safetensors")).unwrap();
        assert!(found == expected, "stopped at {step}: other weights");
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let output = tempfile::tempdir().unwrap();
    let mut first = trainer(START, Some(0.2), shuffled(output.path()));
    first.run(&mut Updates::default(), &StopRequest::default()).unwrap();
    let checkpoint = latest_checkpoint(output.path()).unwrap().unwrap();
    let mut other = shuffled(output.path());
    other.seed = Seed(7);
    let error = trainer(START, Some(0.2), other).resume(&checkpoint).unwrap_err();
    assert!(matches!(error, TrainError::Checkpoint(_)), "{error}");
    assert!(error.to_string().contains("seed: now 7, in the checkpoint 42"), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let output = tempfile::tempdir().unwrap();
    let mut run = trainer(START, Some(0.2), shuffled(output.path()));
    run.run(&mut Updates::default(), &StopRequest::default()).unwrap();
    let newest = output.path().join("checkpoint-40/optimizer.safetensors");
    let whole = fs::read(&newest).unwrap();
    fs::write(&newest, &whole[..whole.len() / 2]).unwrap();
    let found = latest_checkpoint(output.path()).unwrap().unwrap();
    assert_eq!(found, output.path().join("checkpoint-35"));
    for step in [7, 14, 21, 28, 35] {
        fs::remove_file(output.path().join(format!("checkpoint-{step}/config.json"))).unwrap();
    }
    let error = latest_checkpoint(output.path()).unwrap_err().to_string();
    assert!(error.contains("checkpoint-35"), "{error}");
    assert!(error.contains("config.json cannot be read"), "{error}");
}
