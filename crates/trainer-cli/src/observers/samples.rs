//! Events for the tests of observers.

use lockstep_trainer::{StartReport, TrainEvent, UpdateReport};

/// The start of a run of `total_updates`, after `first_step` of them.
pub(super) fn start(first_step: u64, total_updates: u64) -> TrainEvent {
    start_report(first_step, total_updates, total_updates, 0)
}

/// The start of a run with epochs of `updates_per_epoch` and a validation set.
pub(super) fn start_of(
    total_updates: u64,
    updates_per_epoch: u64,
    validation_examples: usize,
) -> TrainEvent {
    start_report(0, total_updates, updates_per_epoch, validation_examples)
}

fn start_report(
    first_step: u64,
    total_updates: u64,
    updates_per_epoch: u64,
    validation_examples: usize,
) -> TrainEvent {
    TrainEvent::Start(StartReport {
        version: 1,
        train_examples: 1,
        train_tokens: 1,
        truncated: 0,
        validation_examples,
        parameters: 1,
        total_updates,
        updates_per_epoch,
        first_step,
    })
}

/// The update that ends at `step`.
pub(super) fn update(step: u64) -> TrainEvent {
    TrainEvent::Update(UpdateReport {
        step,
        epoch: 0.5,
        loss: 0.25,
        grad_norm: 1.5,
        skipped: false,
        lr: [0.0, 1e-4],
        examples: 16,
        tokens: 385,
        seconds: 0.5,
        sync: None,
        tflops: None,
    })
}
