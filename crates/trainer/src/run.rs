//! A whole run around the loop: when to evaluate, to save, to stop, and how to finish.

use std::path::PathBuf;
use std::time::Instant;

use lockstep_data::TokenStore;
use lockstep_world::Step;

use crate::checkpoint::{
    Saved, checkpoint_name, clear_unfinished, prune, write_checkpoint, write_final,
};
use crate::results::{Work, all_results};
use crate::{
    Cadence, CheckpointReport, EVENT_VERSION, Ending, EpochReport, EvaluationReport, FinalModel,
    FinishReport, Observer, StartReport, StopRequest, TrainError, TrainEvent, Trainer,
    UpdateReport, evaluate,
};

/// What only this process's part of a run remembers.
struct Part<'a> {
    observer: &'a mut dyn Observer,
    began: Instant,
    work: Work,
    epoch: Work,
    last_evaluation: Option<EvaluationReport>,
}

impl Part<'_> {
    fn tell(&mut self, event: &TrainEvent) -> Result<(), TrainError> {
        self.observer.observe(event).map_err(TrainError::Observer)
    }

    fn note(&mut self, report: &UpdateReport) {
        for work in [&mut self.work, &mut self.epoch] {
            work.seconds += report.seconds;
            work.examples += report.examples;
            work.updates += 1;
        }
    }
}

impl Trainer {
    /// Makes all updates that are left, then writes the final model.
    ///
    /// # Errors
    /// [`TrainError`]; the checkpoints written until then stay.
    pub fn run(
        &mut self,
        observer: &mut dyn Observer,
        stop: &StopRequest,
    ) -> Result<Ending, TrainError> {
        let (work, epoch) = (Work::default(), Work::default());
        let mut part = Part { observer, began: Instant::now(), work, epoch, last_evaluation: None };
        if self.is_leader() {
            clear_unfinished(&self.settings.output_dir)?;
        }
        part.tell(&TrainEvent::Start(self.start_report()))?;
        while self.step.0 < self.total {
            let update = self.update(stop)?;
            self.journal.note_update(&update.report);
            part.note(&update.report);
            part.tell(&TrainEvent::Update(update.report))?;
            let ends_early = self.milestones(&mut part)?;
            if ends_early && self.step.0 < self.total {
                return self.finish(&mut part, Ending::EarlyStop);
            }
            if update.stop && self.step.0 < self.total {
                return self.stop(&mut part);
            }
        }
        self.finish(&mut part, Ending::Complete)
    }

    /// What is due after an update; tells whether the run has stopped getting better.
    fn milestones(&mut self, part: &mut Part<'_>) -> Result<bool, TrainError> {
        if self.is_epoch_end() {
            self.end_epoch(part)?;
        }
        let mut ends_early = false;
        if self.is_due(self.settings.evaluation) {
            ends_early = self.validate(part)?;
        }
        if self.is_due(self.settings.saving.cadence) {
            self.save(part)?;
        }
        Ok(ends_early)
    }

    fn end_epoch(&mut self, part: &mut Part<'_>) -> Result<(), TrainError> {
        let report = EpochReport {
            epoch: self.step.0 / self.plan.updates_per_epoch() as u64,
            step: self.step.0,
            average_loss: self.journal.epoch_losses.mean(),
            examples: part.epoch.examples,
            seconds: part.epoch.seconds,
        };
        part.epoch = Work::default();
        self.journal.note_epoch(&report);
        part.tell(&TrainEvent::Epoch(report))
    }

    fn validate(&mut self, part: &mut Part<'_>) -> Result<bool, TrainError> {
        let Some(store) = &self.validation else { return Ok(false) };
        let report = self.evaluation("validation", store)?;
        self.journal.note_evaluation(&report, &checkpoint_name(self.step));
        part.last_evaluation = Some(report.clone());
        part.tell(&TrainEvent::Evaluation(report))?;
        let patience = self.settings.early_stopping;
        Ok(patience.is_some_and(|most| self.journal.evaluations_without_gain >= most.get()))
    }

    fn save(&self, part: &mut Part<'_>) -> Result<PathBuf, TrainError> {
        let output_dir = &self.settings.output_dir;
        let directory = output_dir.join(checkpoint_name(self.step));
        if self.is_leader() {
            let (model, state) = ((&self.model, &self.tokenizer), (&self.optimizer, &self.journal));
            write_checkpoint(output_dir, self.step, model, state)?;
            if let Some(keep) = self.settings.saving.keep {
                prune(output_dir, keep, self.journal.best_global_step.map(Step))?;
            }
        }
        let report = CheckpointReport { step: self.step.0, directory: directory.clone() };
        part.tell(&TrainEvent::Checkpoint(report))?;
        Ok(directory)
    }

    fn stop(&mut self, part: &mut Part<'_>) -> Result<Ending, TrainError> {
        let directory = if self.is_due(self.settings.saving.cadence) {
            self.settings.output_dir.join(checkpoint_name(self.step))
        } else {
            self.save(part)?
        };
        self.tell_finish(part, Ending::Stopped, directory)
    }

    fn finish(&mut self, part: &mut Part<'_>, ending: Ending) -> Result<Ending, TrainError> {
        let chosen = self.choose_final_weights()?;
        let mut evaluations = Vec::new();
        if let Some(store) = &self.validation {
            let known = part.last_evaluation.take().filter(|report| report.step == chosen.0);
            evaluations.push(known.map_or_else(|| self.evaluation("validation", store), Ok)?);
        }
        if let Some(store) = &self.test {
            let report = self.evaluation("test", store)?;
            evaluations.push(report.clone());
            part.tell(&TrainEvent::Evaluation(report))?;
        }
        let output_dir = self.settings.output_dir.clone();
        if self.is_leader() {
            let results = all_results(&self.journal, part.work, &evaluations);
            write_final(&output_dir, (&self.model, &self.tokenizer), &self.journal, &results)?;
        }
        self.tell_finish(part, ending, output_dir)
    }

    /// Goes back to the best checkpoint where that was asked for; tells which step was chosen.
    fn choose_final_weights(&mut self) -> Result<Step, TrainError> {
        let best = self.journal.best_global_step.map(Step);
        match (self.settings.saving.final_model, best) {
            (FinalModel::Best, Some(best)) if best != self.step => {
                let directory = self.settings.output_dir.join(checkpoint_name(best));
                Saved::open(&directory)?.restore_weights(&self.model)?;
                Ok(best)
            }
            _ => Ok(self.step),
        }
    }

    fn tell_finish(
        &self,
        part: &mut Part<'_>,
        ending: Ending,
        directory: PathBuf,
    ) -> Result<Ending, TrainError> {
        let seconds = part.began.elapsed().as_secs_f64();
        let report = FinishReport { step: self.step.0, ending, seconds, directory };
        part.tell(&TrainEvent::Finish(report))?;
        Ok(ending)
    }

    fn evaluation(&self, name: &str, store: &TokenStore) -> Result<EvaluationReport, TrainError> {
        evaluate(&self.model, (name, store), self.step, &*self.collective)
    }

    fn start_report(&self) -> StartReport {
        StartReport {
            version: EVENT_VERSION,
            train_examples: self.train.len(),
            train_tokens: self.train.total_tokens(),
            truncated: self.train.truncated(),
            validation_examples: self.validation.as_ref().map_or(0, TokenStore::len),
            parameters: self.model.parameters().scalars(),
            total_updates: self.total,
            updates_per_epoch: self.plan.updates_per_epoch() as u64,
            first_step: self.step.0,
        }
    }

    fn is_due(&self, cadence: Cadence) -> bool {
        let is_end = self.step.0 >= self.total;
        match cadence {
            Cadence::Never => false,
            Cadence::EveryEpoch => is_end || self.is_epoch_end(),
            Cadence::EverySteps(steps) => is_end || self.step.0.is_multiple_of(steps.get()),
        }
    }

    fn is_epoch_end(&self) -> bool {
        self.step.0.is_multiple_of(self.plan.updates_per_epoch() as u64)
    }

    fn is_leader(&self) -> bool {
        self.collective.seat().is_leader()
    }
}
