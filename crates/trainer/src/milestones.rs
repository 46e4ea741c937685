//! What surrounds the loop: when to evaluate, to save, to stop, and how to finish.

use std::path::PathBuf;
use std::time::Instant;

use lockstep_collective::Phase;
use lockstep_data::TokenStore;
use lockstep_world::Step;

use crate::checkpoint::{
    Product, Saved, checkpoint_name, clear_unfinished, prune, write_checkpoint, write_final,
};
use crate::evaluation::evaluate_by;
use crate::results::{Work, all_results};
use crate::{
    Cadence, CheckpointReport, EVENT_VERSION, Ending, EpochReport, EvaluationReport, FinalModel,
    FinishReport, Observer, StartReport, TrainError, TrainEvent, TrainSettings, Trainer,
    evaluation, replicas,
};

/// What a process remembers of a run between its start and its end; no checkpoint holds it.
pub(crate) struct Session<'a> {
    observer: &'a mut dyn Observer,
    began: Instant,
    /// The updates of this epoch, since the start or the resume.
    pub(crate) epoch: Work,
    /// Whether some rank was asked to stop.
    pub(crate) stop: bool,
    last_evaluation: Option<EvaluationReport>,
}

/// Examples that are evaluated and not learned from.
#[derive(Clone, Copy)]
enum Split {
    Validation,
    Test,
}

impl Session<'_> {
    pub(crate) fn observe(&mut self, event: &TrainEvent) -> Result<(), TrainError> {
        self.observer.observe(event).map_err(TrainError::Observer)
    }
}

impl Trainer {
    /// Removes what a killed run left half written, and reports the start.
    pub(crate) fn begin<'a>(
        &mut self,
        observer: &'a mut dyn Observer,
    ) -> Result<Session<'a>, TrainError> {
        let mut session = Session {
            observer,
            began: Instant::now(),
            epoch: Work::default(),
            stop: false,
            last_evaluation: None,
        };
        let output_dir = &self.settings.output_dir;
        replicas::by_leader(&mut *self.collective, || Ok(clear_unfinished(output_dir)?))?;
        session.observe(&TrainEvent::Start(self.start_report()))?;
        Ok(session)
    }

    /// What is due after an update.
    pub(crate) fn milestones(&mut self, session: &mut Session<'_>) -> Result<(), TrainError> {
        if !self.is_milestone() {
            return Ok(());
        }
        self.settle(session)?;
        if self.is_epoch_end() {
            self.end_epoch(session)?;
        }
        if self.is_due(self.settings.evaluation) {
            self.validate(session)?;
        }
        if self.is_due(self.settings.replica_check) {
            self.check_replicas()?;
        }
        if self.is_saved_here() {
            self.save(session)?;
        }
        Ok(())
    }

    /// Whether something is due that reads weights, moments or the journal.
    fn is_milestone(&self) -> bool {
        let TrainSettings { evaluation, replica_check, saving, .. } = &self.settings;
        let cadences = [*evaluation, *replica_check, saving.cadence];
        self.is_epoch_end() || cadences.into_iter().any(|cadence| self.is_due(cadence))
    }

    fn end_epoch(&mut self, session: &mut Session<'_>) -> Result<(), TrainError> {
        let report = EpochReport {
            epoch: self.step.0 / self.plan.updates_per_epoch() as u64,
            step: self.step.0,
            average_loss: self.journal.epoch_losses.mean(),
            examples: session.epoch.examples,
            seconds: session.epoch.seconds,
        };
        session.epoch = Work::default();
        self.journal.note_epoch(&report);
        session.observe(&TrainEvent::Epoch(report))
    }

    fn validate(&mut self, session: &mut Session<'_>) -> Result<(), TrainError> {
        let Some(report) = self.evaluation(Split::Validation, self.step)? else { return Ok(()) };
        self.journal.note_evaluation(&report, &checkpoint_name(self.step));
        session.last_evaluation = Some(report.clone());
        session.observe(&TrainEvent::Evaluation(report))
    }

    /// Whether so many evaluations brought no gain that the run is to end; a resumed one, too.
    pub(crate) fn has_stalled(&self) -> bool {
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

    fn save(&mut self, session: &mut Session<'_>) -> Result<PathBuf, TrainError> {
        self.enter(Phase::Saving);
        self.check_replicas()?;
        self.optimizer.moments_mut().gather_shards(&mut *self.collective)?;
        let Self { settings, step, model, tokenizer, optimizer, journal, collective, .. } = self;
        let (output_dir, step) = (&settings.output_dir, *step);
        let directory = output_dir.join(checkpoint_name(step));
        replicas::by_leader(&mut **collective, || {
            let product = Product { model, tokenizer, usage: &settings.usage };
            write_checkpoint(output_dir, step, product, (optimizer, journal))?;
            if let Some(keep) = settings.saving.keep {
                prune(output_dir, keep, (step, journal.best_global_step.map(Step)))?;
            }
            Ok(())
        })?;
        let report = CheckpointReport { step: step.0, directory: directory.clone() };
        session.observe(&TrainEvent::Checkpoint(report))?;
        Ok(directory)
    }

    /// Saves a checkpoint to resume from, if this update has none yet.
    pub(crate) fn stop(&mut self, session: &mut Session<'_>) -> Result<Ending, TrainError> {
        self.settle(session)?;
        let directory = if self.is_saved_here() {
            self.settings.output_dir.join(checkpoint_name(self.step))
        } else {
            self.save(session)?
        };
        self.report_finish(session, Ending::Stopped, directory)
    }

    /// Evaluates and writes the final model.
    pub(crate) fn finish(
        &mut self,
        session: &mut Session<'_>,
        ending: Ending,
    ) -> Result<Ending, TrainError> {
        self.settle(session)?;
        let chosen = self.choose_final_weights()?;
        let mut evaluations = Vec::new();
        match session.last_evaluation.take().filter(|report| report.step == chosen.0) {
            Some(known) => evaluations.push(known),
            None => {
                evaluations.extend(self.reported_evaluation(Split::Validation, chosen, session)?)
            }
        }
        evaluations.extend(self.reported_evaluation(Split::Test, chosen, session)?);
        self.enter(Phase::Saving);
        self.check_replicas()?;
        let output_dir = self.settings.output_dir.clone();
        let Self { settings, model, tokenizer, journal, collective, .. } = self;
        replicas::by_leader(&mut **collective, || {
            let results = all_results(journal, &evaluations);
            let product = Product { model, tokenizer, usage: &settings.usage };
            Ok(write_final(&output_dir, product, journal, &results)?)
        })?;
        self.enter(Phase::Ending);
        self.report_finish(session, ending, output_dir)
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

    fn report_finish(
        &self,
        session: &mut Session<'_>,
        ending: Ending,
        directory: PathBuf,
    ) -> Result<Ending, TrainError> {
        let seconds = session.began.elapsed().as_secs_f64();
        let report = FinishReport { step: self.step.0, ending, seconds, directory };
        session.observe(&TrainEvent::Finish(report))?;
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
        let split = evaluation::Split { name, store, step };
        let Self { engine, model, collective, .. } = self;
        evaluate_by(&mut **engine, model, &split, &mut **collective).map(Some)
    }

    fn reported_evaluation(
        &mut self,
        split: Split,
        step: Step,
        session: &mut Session<'_>,
    ) -> Result<Option<EvaluationReport>, TrainError> {
        let report = self.evaluation(split, step)?;
        if let Some(report) = &report {
            session.observe(&TrainEvent::Evaluation(report.clone()))?;
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
