//! What is looked at in each update beside its making: whether it can count, and whether its loss is
//! usual. All ranks decide the same, from the same numbers.

use crate::session::Session;
use crate::update::FinishedUpdate;
use crate::{LossSpikeReport, TrainError, TrainEvent, Trainer, UpdateReport};

impl Trainer {
    /// Whether the run may continue without an update that is not finite.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`].
    pub(crate) fn judge_skipped(&self, update: &FinishedUpdate) -> Result<(), TrainError> {
        let most = self.settings.on_nonfinite.most();
        let skipped = self.journal.skipped_in_a_row;
        let FinishedUpdate { loss, grad_norm, odd, .. } = *update;
        let error =
            TrainError::NotFinite { update: update.step.next().0, loss, grad_norm, odd, skipped };
        if skipped >= most {
            return Err(error);
        }
        if self.is_leader() {
            tracing::warn!("{error}; it is skipped, {} of at most {most} in a row", skipped + 1);
        }
        Ok(())
    }

    /// Reports a loss far above the usual ones.
    pub(crate) fn watch_loss(&mut self, report: &UpdateReport, session: &mut Session<'_>) {
        let classes = self.model.labels().len();
        let Some(usual) = self.journal.recent_losses.note(report.loss, classes) else {
            return;
        };
        let UpdateReport { step, loss, grad_norm, .. } = *report;
        if self.is_leader() {
            tracing::warn!(
                "the loss of update {step} is {loss:.4}, far above the usual {usual:.4}; its \
                 gradient norm is {grad_norm:.4}"
            );
        }
        session.observe(&TrainEvent::LossSpike(LossSpikeReport { step, loss, usual, grad_norm }));
    }

    fn is_leader(&self) -> bool {
        self.collective.seat().is_leader()
    }
}
