//! How a run ends: with the final model, or with a checkpoint to resume from.

use std::path::PathBuf;

use lockstep_collective::Phase;
use lockstep_world::Step;

use crate::checkpoint::{Saved, write_final};
use crate::results::all_results;
use crate::session::Session;
use crate::splits::Split;
use crate::trace::Lane;
use crate::{
    Ending, EvaluationReport, FinalModel, FinishReport, TrainError, TrainEvent, Trainer, replicas,
};

impl Trainer {
    /// Saves a checkpoint to resume from, if this step has none yet.
    pub(crate) fn stop(&mut self, session: &mut Session<'_>) -> Result<Ending, TrainError> {
        self.settle(session)?;
        self.await_checkpoint(session)?;
        if session.saved != Some(self.step) {
            self.save(session)?;
            self.await_checkpoint(session)?;
        }
        Ok(self.report_finish(session, Ending::Stopped, self.whereabouts(self.step)))
    }

    /// Evaluates and writes the final model, unless a stop comes first.
    pub(crate) fn finish(
        &mut self,
        session: &mut Session<'_>,
        ending: Ending,
    ) -> Result<Ending, TrainError> {
        self.settle(session)?;
        let best = self.better_step();
        if best.is_some() && session.saved != Some(self.step) {
            // The last weights give way to the best ones, and a stop must not lose them.
            self.save(session)?;
        }
        if let Some(best) = best {
            self.await_checkpoint(session)?;
            self.go_back(best)?;
        }
        let Some(evaluations) = self.judge(best.unwrap_or(self.step), session)? else {
            return self.stop(session);
        };
        self.enter(Phase::Saving);
        self.await_checkpoint(session)?;
        self.check_weights()?;
        let output_dir = self.settings.output_dir.clone();
        self.journal.forget_lost_checkpoint();
        self.journal.note_end();
        let (draft, results) = (self.draft(), all_results(&self.journal, &evaluations));
        let Self { model, collective, tracer, step, .. } = self;
        let span = tracer.span(Lane::Loop, "write model", step.0);
        replicas::by_leader(&mut **collective, || Ok(write_final(&draft, model, &results)?))?;
        drop(span);
        self.enter(Phase::Ending);
        Ok(self.report_finish(session, ending, output_dir))
    }

    /// The step whose weights the final model has instead of the last ones.
    fn better_step(&self) -> Option<Step> {
        let wants_best = self.settings.saving.final_model == FinalModel::Best;
        let best = self.journal.best_global_step.map(Step);
        best.filter(|best| wants_best && *best != self.step)
    }

    /// Takes the weights of an earlier checkpoint.
    fn go_back(&mut self, step: Step) -> Result<(), TrainError> {
        let (place, model) = (self.whereabouts(step), &self.model);
        replicas::by_leader(&mut *self.collective, || {
            Ok(Saved::open(&place)?.restore_weights(model)?)
        })?;
        replicas::spread_weights(&mut *self.collective, model)
    }

    /// The evaluations of the final model, whose weights are those after `step`; nothing when a stop
    /// cuts them short.
    fn judge(
        &mut self,
        step: Step,
        session: &mut Session<'_>,
    ) -> Result<Option<Vec<EvaluationReport>>, TrainError> {
        let mut evaluations = Vec::new();
        match session.last_evaluation.take().filter(|report| report.step == step.0) {
            Some(known) => evaluations.push(known),
            None => {
                evaluations.extend(self.reported_evaluation(Split::Validation, step, session)?)
            }
        }
        evaluations.extend(self.reported_evaluation(Split::Test, step, session)?);
        let wanted = [&self.validation, &self.test].into_iter().flatten().count();
        Ok((evaluations.len() == wanted).then_some(evaluations))
    }

    fn report_finish(
        &self,
        session: &mut Session<'_>,
        ending: Ending,
        directory: PathBuf,
    ) -> Ending {
        let seconds = session.began.elapsed().as_secs_f64();
        let report = FinishReport { step: self.step.0, ending, seconds, directory };
        session.observe(&TrainEvent::Finish(report));
        ending
    }
}
