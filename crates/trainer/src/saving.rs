//! Checkpoints of a run under way, which are written while the updates continue.
//!
//! Only the leader writes. All ranks learn of a failure: the leader asks for a stop, which travels with
//! the next update, and then every rank waits for the leader's word.

use std::time::Instant;

use lockstep_collective::Phase;

use crate::checkpoint::{Companions, Draft, Progress, checkpoint_name};
use crate::session::{Begun, Session};
use crate::trace::Lane;
use crate::{CheckpointError, CheckpointReport, TrainError, Trainer, replicas};

impl Trainer {
    /// Begins a checkpoint of the state as it is, once the one before is whole.
    pub(crate) fn save(&mut self, session: &mut Session<'_>) -> Result<(), TrainError> {
        let (began, tracer) = (Instant::now(), self.tracer.of_checkpoint().clone());
        let _span = tracer.span(Lane::Loop, "checkpoint", self.step.0);
        self.enter(Phase::Saving);
        self.await_checkpoint(session)?;
        self.check_replicas()?;
        self.optimizer.moments_mut().gather_shards(&mut *self.collective)?;
        let directory = self.settings.output_dir.join(checkpoint_name(self.step));
        self.journal.note_checkpoint(&directory);
        let draft = self.draft();
        let Self { model, optimizer, collective, background, .. } = self;
        replicas::by_leader(&mut **collective, || {
            Ok(background.begin(model, optimizer, draft, tracer.clone())?)
        })?;
        session.saved = Some(self.step);
        let held_up = began.elapsed().as_secs_f64();
        let report = CheckpointReport { step: self.step.0, directory, held_up };
        session.begun = Some(Begun { report, is_reported: false });
        Ok(())
    }

    /// What is written beside the tensors.
    pub(crate) fn draft(&self) -> Draft {
        let Self { settings, step, model, tokenizer, journal, .. } = self;
        Draft {
            output_dir: settings.output_dir.clone(),
            step: *step,
            companions: Companions::of(model, tokenizer, &settings.usage),
            journal: journal.clone(),
            keep: settings.saving.keep,
        }
    }

    /// Reports a checkpoint that has become whole; asks all ranks to stop where that failed.
    pub(crate) fn look_after_checkpoint(&mut self, session: &mut Session<'_>) {
        match self.background.progress() {
            Progress::Idle | Progress::Writing => {}
            Progress::Whole => session.report_checkpoint(),
            Progress::Failed => session.request.ask(),
        }
    }

    /// Waits until the checkpoint that was begun is whole; all ranks call this.
    pub(crate) fn await_checkpoint(&mut self, session: &mut Session<'_>) -> Result<(), TrainError> {
        if session.begun.is_none() {
            return Ok(());
        }
        self.enter(Phase::Saving);
        let Self { collective, background, .. } = self;
        replicas::by_leader(&mut **collective, || background.wait().map_err(unwritten))?;
        session.report_checkpoint();
        session.begun = None;
        Ok(())
    }

    /// Lets a checkpoint become whole that was begun before the run failed.
    pub(crate) fn finish_checkpoint(&mut self) {
        if let Err(error) = self.background.wait() {
            tracing::warn!("the checkpoint that was being written is lost: {error}");
        }
    }
}

/// What kept a checkpoint from being written, as the run's error.
fn unwritten(error: CheckpointError) -> TrainError {
    match error {
        CheckpointError::NotNumbers { update, tensor } => TrainError::NotNumbers { update, tensor },
        other => other.into(),
    }
}
