//! Recorded runs that stop, are resumed, or fail.

use std::fs;
use std::num::NonZeroU64;
use std::path::Path;

use lockstep_optim::Rates;
use lockstep_trainer::{
    Cadence, Ending, StopRequest, TrainError, TrainSettings, Trainer, latest_checkpoint,
};

use super::{NARROW, Start, alone, finish, on_cpu, short};
use crate::setup::Updates;

fn saving(output: &Path) -> TrainSettings {
    let mut settings = short(output, 20);
    settings.saving.cadence = Cadence::EverySteps(NonZeroU64::new(6).unwrap());
    settings
}

fn weights(output: &Path) -> Vec<u8> {
    fs::read(output.join("model.safetensors")).unwrap()
}

fn run(mut trainer: Trainer, stop: &StopRequest) -> Ending {
    trainer.run(&mut Updates::default(), stop).unwrap()
}

#[test]
fn a_stopped_and_resumed_run_ends_with_the_same_bits() {
    let whole = tempfile::tempdir().unwrap();
    run(alone(NARROW, saving(whole.path())), &StopRequest::default());
    let output = tempfile::tempdir().unwrap();
    let stop = StopRequest::default();
    stop.ask();
    // The request is seen when the first results are read, for the first checkpoint.
    assert_eq!(run(alone(NARROW, saving(output.path())), &stop), Ending::Stopped);
    let mut resumed = alone(NARROW, saving(output.path()));
    resumed.resume(&latest_checkpoint(output.path()).unwrap().unwrap()).unwrap();
    assert_eq!(run(resumed, &StopRequest::default()), Ending::Complete);
    assert!(weights(output.path()) == weights(whole.path()), "other weights");
    let moments = |output: &Path| fs::read(output.join("checkpoint-18/optimizer.safetensors"));
    assert!(moments(output.path()).unwrap() == moments(whole.path()).unwrap(), "other moments");
}

#[test]
fn an_update_that_is_not_finite_is_named() {
    let failed = |trainer: fn(Start, TrainSettings) -> Trainer| {
        let output = tempfile::tempdir().unwrap();
        let peak_rates = Rates { encoder: 1e25, head: 1e25 };
        let settings = TrainSettings { peak_rates, ..short(output.path(), 30) };
        let error = trainer(NARROW, settings)
            .run(&mut Updates::default(), &StopRequest::default())
            .unwrap_err();
        match error {
            TrainError::NotFinite { update, .. } => update,
            other => panic!("{other}"),
        }
    };
    assert_eq!(failed(alone), failed(on_cpu));
}

/// Updates are reported late, so the wish to stop is known at the next milestone, whose evaluation
/// then waits for the resume.
#[test]
fn a_stop_is_known_at_the_next_milestone_and_the_run_goes_on_with_the_same_bits() {
    let trainer = |output: &Path| {
        let evaluation = Cadence::EverySteps(NonZeroU64::new(4).unwrap());
        alone(NARROW, TrainSettings { evaluation, ..short(output, 8) })
    };
    let output = tempfile::tempdir().unwrap();
    let whole = finish(trainer(output.path()));
    let output = tempfile::tempdir().unwrap();
    let stop = StopRequest::default();
    stop.ask();
    let mut updates = Updates::default();
    let ending = trainer(output.path()).run(&mut updates, &stop).unwrap();
    assert_eq!((ending, updates.0.len()), (Ending::Stopped, 4));
    let mut resumed = trainer(output.path());
    assert_eq!(resumed.resume(&output.path().join("checkpoint-4")).unwrap(), []);
    let resumed = finish(resumed);
    assert_eq!(resumed.updates.len(), 4);
    assert!(resumed.weights == whole.weights, "other weights");
}
