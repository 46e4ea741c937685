//! A whole run around the loop: when to evaluate, to save, to stop, and how to finish.

use std::path::PathBuf;
use std::time::Instant;

use lockstep_collective::Phase;
use lockstep_data::TokenStore;
use lockstep_world::Step;

use crate::checkpoint::{
    Saved, checkpoint_name, clear_unfinished, prune, write_checkpoint, write_final,
};
use crate::results::{Work, all_results};
use crate::{
    Cadence, CheckpointReport, EVENT_VERSION, Ending, EpochReport, EvaluationReport, FinalModel,
    FinishReport, Observer, StartReport, StopRequest, TrainError, TrainEvent, Trainer, evaluate,
    replicas, sync,
};

/// What only this process's part of a run remembers.
struct Part<'a> {
    observer: &'a mut dyn Observer,
    began: Instant,
    epoch: Work,
    last_evaluation: Option<EvaluationReport>,
}

/// Examples that are evaluated and not learned from.
#[derive(Clone, Copy)]
enum Split {
    Validation,
    Test,
}

impl Part<'_> {
    fn tell(&mut self, event: &TrainEvent) -> Result<(), TrainError> {
        self.observer.observe(event).map_err(TrainError::Observer)
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
        let epoch = Work::default();
        let mut part = Part { observer, began: Instant::now(), epoch, last_evaluation: None };
        let output_dir = &self.settings.output_dir;
        replicas::by_leader(&mut *self.collective, || Ok(clear_unfinished(output_dir)?))?;
        part.tell(&TrainEvent::Start(self.start_report()))?;
        while self.step.0 < self.total {
            if self.has_stalled() {
                return self.finish(&mut part, Ending::EarlyStop);
            }
            let update = self.update(stop)?;
            self.journal.note_update(&update.report);
            part.epoch.add(&update.report);
            part.tell(&TrainEvent::Update(update.report))?;
            self.milestones(&mut part)?;
            if update.stop && self.step.0 < self.total && !self.has_stalled() {
                return self.stop(&mut part);
            }
        }
        self.finish(&mut part, Ending::Complete)
    }

    /// What is due after an update.
    fn milestones(&mut self, part: &mut Part<'_>) -> Result<(), TrainError> {
        if self.is_epoch_end() {
            self.end_epoch(part)?;
        }
        if self.is_due(self.settings.evaluation) {
            self.validate(part)?;
        }
        if self.is_due(self.settings.replica_check) {
            self.check_replicas()?;
        }
        if self.is_saved_here() {
            self.save(part)?;
        }
        Ok(())
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

    fn validate(&mut self, part: &mut Part<'_>) -> Result<(), TrainError> {
        let Some(report) = self.evaluation(Split::Validation, self.step)? else { return Ok(()) };
        self.journal.note_evaluation(&report, &checkpoint_name(self.step));
        part.last_evaluation = Some(report.clone());
        part.tell(&TrainEvent::Evaluation(report))
    }

    /// Whether so many evaluations brought no gain that the run is to end; a resumed one, too.
    fn has_stalled(&self) -> bool {
        let patience = self.settings.early_stopping;
        patience.is_some_and(|most| self.journal.evaluations_without_gain >= most.get())
    }

    /// Whether a checkpoint belongs after this update: by the cadence, or because the final model
    /// may be taken from it.
    fn is_saved_here(&self) -> bool {
        let is_best = self.journal.best_global_step == Some(self.step.0);
        let is_wanted = self.settings.saving.final_model == FinalModel::Best && is_best;
        is_wanted || self.is_due(self.settings.saving.cadence)
    }

    fn save(&mut self, part: &mut Part<'_>) -> Result<PathBuf, TrainError> {
        self.enter(Phase::Saving);
        self.check_replicas()?;
        sync::gather_shards(&mut *self.collective, self.optimizer.moments_mut())?;
        let Self { settings, step, model, tokenizer, optimizer, journal, collective, .. } = self;
        let (output_dir, step) = (&settings.output_dir, *step);
        let directory = output_dir.join(checkpoint_name(step));
        replicas::by_leader(&mut **collective, || {
            write_checkpoint(output_dir, step, (model, tokenizer), (optimizer, journal))?;
            if let Some(keep) = settings.saving.keep {
                prune(output_dir, keep, (step, journal.best_global_step.map(Step)))?;
            }
            Ok(())
        })?;
        let report = CheckpointReport { step: step.0, directory: directory.clone() };
        part.tell(&TrainEvent::Checkpoint(report))?;
        Ok(directory)
    }

    fn stop(&mut self, part: &mut Part<'_>) -> Result<Ending, TrainError> {
        let directory = if self.is_saved_here() {
            self.settings.output_dir.join(checkpoint_name(self.step))
        } else {
            self.save(part)?
        };
        self.tell_finish(part, Ending::Stopped, directory)
    }

    fn finish(&mut self, part: &mut Part<'_>, ending: Ending) -> Result<Ending, TrainError> {
        let chosen = self.choose_final_weights()?;
        let mut evaluations = Vec::new();
        match part.last_evaluation.take().filter(|report| report.step == chosen.0) {
            Some(known) => evaluations.push(known),
            None => evaluations.extend(self.told_evaluation(Split::Validation, chosen, part)?),
        }
        evaluations.extend(self.told_evaluation(Split::Test, chosen, part)?);
        self.enter(Phase::Saving);
        self.check_replicas()?;
        let output_dir = self.settings.output_dir.clone();
        let Self { model, tokenizer, journal, collective, .. } = self;
        replicas::by_leader(&mut **collective, || {
            let results = all_results(journal, &evaluations);
            Ok(write_final(&output_dir, (model, tokenizer), journal, &results)?)
        })?;
        self.enter(Phase::Ending);
        self.tell_finish(part, ending, output_dir)
    }

    /// Goes back to the best checkpoint where that was asked for; tells which step was chosen.
    fn choose_final_weights(&mut self) -> Result<Step, TrainError> {
        let best = self.journal.best_global_step.map(Step);
        match (self.settings.saving.final_model, best) {
            (FinalModel::Best, Some(best)) if best != self.step => {
                let (place, model) = (self.whereabouts(best), &self.model);
                replicas::by_leader(&mut *self.collective, || {
                    Ok(Saved::open(&place)?.restore_weights(model)?)
                })?;
                replicas::spread_weights(&mut *self.collective, model)?;
                Ok(best)
            }
            _ => Ok(self.step),
        }
    }

    /// Where a checkpoint of this run is: with what it writes now, or with what it was resumed from.
    fn whereabouts(&self, step: Step) -> PathBuf {
        let name = checkpoint_name(step);
        let here = self.settings.output_dir.join(&name);
        match &self.origin {
            Some(origin) if !here.exists() => origin.join(name),
            _ => here,
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

    /// Evaluates a split, if the run has it.
    fn evaluation(
        &mut self,
        split: Split,
        step: Step,
    ) -> Result<Option<EvaluationReport>, TrainError> {
        let (name, store) = match split {
            Split::Validation => ("validation", &self.validation),
            Split::Test => ("test", &self.test),
        };
        let Some(store) = store else { return Ok(None) };
        self.board.enter(Phase::Evaluating, step.0);
        evaluate(&self.model, (name, store), step, &mut *self.collective).map(Some)
    }

    fn told_evaluation(
        &mut self,
        split: Split,
        step: Step,
        part: &mut Part<'_>,
    ) -> Result<Option<EvaluationReport>, TrainError> {
        let report = self.evaluation(split, step)?;
        if let Some(report) = &report {
            part.tell(&TrainEvent::Evaluation(report.clone()))?;
        }
        Ok(report)
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

    /// Compares the weights of all replicas.
    fn check_replicas(&mut self) -> Result<(), TrainError> {
        replicas::check(&mut *self.collective, &self.model, self.step.0)
    }
}
