//! How long a run still takes: updates, evaluations and saves, each at its measured time.

use lockstep_trainer::{Cadence, TrainEvent, UpdateReport};

use super::work::Work;

/// A forward pass beside an update, whose backward pass takes twice as long.
const FORWARD: f64 = 1.0 / 3.0;

/// What is to come, and what it took so far.
#[derive(Clone, Debug)]
pub(crate) struct Forecast {
    /// When the validation set is evaluated.
    evaluation: Cadence,
    /// When a checkpoint is written.
    saving: Cadence,
    validation_examples: usize,
    step: u64,
    total: u64,
    per_epoch: u64,
    all: Work,
    /// Of the newest evaluation of the validation set.
    evaluation_seconds: Option<f64>,
    /// For which the newest checkpoint held up the updates.
    saving_seconds: Option<f64>,
}

impl Forecast {
    /// That of a run with these cadences, before its start.
    pub(crate) fn new(evaluation: Cadence, saving: Cadence) -> Self {
        Self {
            evaluation,
            saving,
            validation_examples: 0,
            step: 0,
            total: 0,
            per_epoch: 1,
            all: Work::default(),
            evaluation_seconds: None,
            saving_seconds: None,
        }
    }

    /// Learns from an event.
    pub(crate) fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Start(report) => {
                self.validation_examples = report.validation_examples;
                self.total = report.total_updates;
                self.per_epoch = report.updates_per_epoch.max(1);
                self.step = report.first_step;
            }
            TrainEvent::Update(report) => self.update(report),
            TrainEvent::Evaluation(report) if report.split == "validation" => {
                self.evaluation_seconds = Some(report.seconds);
            }
            TrainEvent::Checkpoint(report) => self.saving_seconds = Some(report.held_up),
            _ => {}
        }
    }

    fn update(&mut self, report: &UpdateReport) {
        self.step = report.step;
        self.all.add(report);
    }

    /// Seconds until the end; nothing before the first update.
    pub(crate) fn seconds_left(&self) -> Option<f64> {
        (self.all.updates > 0).then(|| {
            let updates = self.total.saturating_sub(self.step) as f64;
            let evaluations = self.left(self.evaluation) as f64 * self.an_evaluation();
            let saves = self.left(self.saving) as f64 * self.saving_seconds.unwrap_or_default();
            updates * self.an_update() + evaluations + saves
        })
    }

    fn an_update(&self) -> f64 {
        self.all.seconds / self.all.updates.max(1) as f64
    }

    /// As measured, or as forward passes would take.
    fn an_evaluation(&self) -> f64 {
        let per_example = self.all.seconds / self.all.examples.max(1) as f64;
        let guessed = self.validation_examples as f64 * per_example * FORWARD;
        if self.validation_examples == 0 { 0.0 } else { self.evaluation_seconds.unwrap_or(guessed) }
    }

    /// How often something is still due after this update and what follows it.
    fn left(&self, cadence: Cadence) -> u64 {
        let every = match cadence {
            _ if self.step >= self.total => return 0,
            Cadence::Never => return 0,
            Cadence::EveryEpoch => self.per_epoch,
            Cadence::EverySteps(steps) => steps.get(),
        };
        self.total.div_ceil(every).saturating_sub(self.step / every)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use lockstep_trainer::CheckpointReport;

    use super::*;
    use crate::observers::samples::{start_of, update};

    #[test]
    fn evaluations_and_saves_count_with_their_measured_times() {
        let every = Cadence::EverySteps(NonZeroU64::new(4).unwrap());
        let mut forecast = Forecast::new(Cadence::EveryEpoch, every);
        // 10 updates of 0.5 s with 16 examples; epochs end at 5 and 10, saves are at 4, 8 and 10.
        forecast.observe(&start_of(10, 5, 96));
        assert_eq!(forecast.seconds_left(), None);
        forecast.observe(&update(1));
        let guessed = 96.0 * 0.5 / 16.0 / 3.0;
        assert_eq!(forecast.seconds_left(), Some(9.0 * 0.5 + 2.0 * guessed));
        (2..=5).for_each(|step| forecast.observe(&update(step)));
        let (directory, step) = ("out".into(), 4);
        let saved = CheckpointReport { step, directory, held_up: 0.25 };
        forecast.observe(&TrainEvent::Checkpoint(saved));
        assert_eq!(forecast.seconds_left(), Some(5.0 * 0.5 + guessed + 2.0 * 0.25));
        (6..=10).for_each(|step| forecast.observe(&update(step)));
        assert_eq!(forecast.seconds_left(), Some(0.0));
    }
}
