//! What is evaluated during a run, and at its end.

use lockstep_collective::Phase;
use lockstep_world::Step;

use crate::evaluation::evaluate_by;
use crate::session::Session;
use crate::trace::Lane;
use crate::{Decision, EvaluationReport, TrainError, TrainEvent, Trainer, evaluation};

/// Examples that are evaluated and not learned from.
#[derive(Clone, Copy)]
pub(crate) enum Split {
    Validation,
    Test,
}

impl Trainer {
    /// Evaluates the validation split, if there is one. A stop cuts that short: it is made again
    /// after the resume.
    pub(crate) fn validate(&mut self, session: &mut Session<'_>) -> Result<(), TrainError> {
        self.journal.evaluation_is_due = self.validation.is_some();
        let Some(report) = self.evaluation(Split::Validation, self.step, session)? else {
            return Ok(());
        };
        self.journal.note_evaluation(&report, self.settings.best_metric);
        session.last_evaluation = Some(report.clone());
        session.observe(&TrainEvent::Evaluation(report));
        Ok(())
    }

    /// Evaluates a split for the final model, and tells of it.
    pub(crate) fn reported_evaluation(
        &mut self,
        split: Split,
        step: Step,
        session: &mut Session<'_>,
    ) -> Result<Option<EvaluationReport>, TrainError> {
        let report = self.evaluation(split, step, session)?;
        if let Some(report) = &report {
            session.observe(&TrainEvent::Evaluation(report.clone()));
        }
        Ok(report)
    }

    /// Evaluates a split; nothing where the run has none, or is to stop, which the session knows
    /// then.
    fn evaluation(
        &mut self,
        split: Split,
        step: Step,
        session: &mut Session<'_>,
    ) -> Result<Option<EvaluationReport>, TrainError> {
        let (name, store) = match split {
            Split::Validation => ("validation", &self.validation),
            Split::Test => ("test", &self.test),
        };
        let Some(store) = store.as_ref().filter(|_| !session.stop) else { return Ok(None) };
        self.board.enter(Phase::Evaluating, step.0);
        let _span = self.tracer.of_evaluation().span(Lane::Loop, "evaluation", step.0);
        let (criterion, decision) = (&self.settings.criterion, Decision::default());
        let split = evaluation::EvaluationSet { name, store, step, criterion, decision };
        let Self { engine, model, collective, .. } = self;
        let stop = session.request;
        let report = evaluate_by(&mut **engine, model, &split, &mut **collective, stop)?;
        session.stop |= report.is_none();
        Ok(report)
    }
}
