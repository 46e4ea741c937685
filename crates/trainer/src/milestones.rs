//! What surrounds the loop: the start, and what is due after an update.

use lockstep_data::TokenStore;

use crate::checkpoint::clear_unfinished;
use crate::session::Session;
use crate::work::Work;
use crate::{
    Cadence, EVENT_VERSION, EpochReport, FinalModel, Observer, StartReport, StopRequest,
    TrainError, TrainEvent, TrainSettings, Trainer, drift, replicas,
};

impl Trainer {
    /// Removes what a killed run left half written, and reports the start.
    pub(crate) fn begin<'a>(
        &mut self,
        observer: &'a mut dyn Observer,
        request: &'a StopRequest,
    ) -> Result<Session<'a>, TrainError> {
        let saved = self.origin.is_some().then_some(self.step);
        let mut session = Session::new(observer, request, saved);
        let output_dir = &self.settings.output_dir;
        replicas::by_leader(&mut *self.collective, || Ok(clear_unfinished(output_dir)?))?;
        session.observe(&TrainEvent::Start(self.start_report()));
        Ok(session)
    }

    /// What is due after an update.
    pub(crate) fn milestones(&mut self, session: &mut Session<'_>) -> Result<(), TrainError> {
        if !self.is_milestone() {
            return Ok(());
        }
        self.settle(session)?;
        if self.is_epoch_end() {
            self.end_epoch(session);
        }
        if self.is_due(self.settings.evaluation) {
            self.validate(session)?;
        }
        // A save compares the replicas itself.
        match self.is_saved_here() {
            true => self.save(session),
            false if self.is_due(self.settings.replica_check) => self.check_replicas(),
            false => Ok(()),
        }
    }

    /// Makes the evaluation that was cut short before the resume, or that does not count any more.
    pub(crate) fn catch_up(&mut self, session: &mut Session<'_>) -> Result<(), TrainError> {
        if self.journal.evaluation_is_due && self.settings.evaluation != Cadence::Never {
            self.validate(session)?;
            if !self.journal.evaluation_is_due && self.is_saved_here() {
                self.save(session)?;
            }
        }
        Ok(())
    }

    /// Whether something is due that reads weights, moments or the journal.
    fn is_milestone(&self) -> bool {
        let TrainSettings { evaluation, replica_check, saving, .. } = &self.settings;
        let cadences = [*evaluation, *replica_check, saving.cadence];
        self.is_epoch_end() || cadences.into_iter().any(|cadence| self.is_due(cadence))
    }

    fn end_epoch(&mut self, session: &mut Session<'_>) {
        let report = EpochReport {
            epoch: self.step.0 / self.plan.updates_per_epoch() as u64,
            step: self.step.0,
            average_loss: self.journal.epoch_losses.mean(),
            examples: session.epoch.examples,
            seconds: session.epoch.seconds,
        };
        session.epoch = Work::default();
        self.journal.note_epoch();
        session.observe(&TrainEvent::Epoch(report));
    }

    /// Whether so many evaluations brought no gain that the run is to end; a resumed one, too.
    pub(crate) fn has_stopped_improving(&self) -> bool {
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
    pub(crate) fn check_replicas(&mut self) -> Result<(), TrainError> {
        drift::compare(&mut *self.collective, self.model.parameters(), self.step.0)
    }

    /// Makes sure that all replicas hold the same weights, and numbers, before they are written.
    pub(crate) fn check_weights(&mut self) -> Result<(), TrainError> {
        self.check_replicas()?;
        drift::check_numbers(self.model.parameters(), self.step.0)
    }
}
