//! The engine over candle's graph: one update after the other, on any device.

use lockstep_collective::Phase;
use lockstep_optim::clip;

use super::{Engine, Replica};
use crate::TrainError;
use crate::pass::Pass;
use crate::scores::Scores;
use crate::sync::{GradientSync, Mean};
use crate::update::{Cost, FinishedUpdate, UpdatePlan};

/// Runs the classifier forward and backward, and applies AdamW to the mean gradients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Composed;

impl Scores for Composed {}

impl Engine for Composed {
    fn update(
        &mut self,
        replica: Replica<'_>,
        plan: &UpdatePlan<'_>,
    ) -> Result<Vec<FinishedUpdate>, TrainError> {
        let Replica { model, optimizer, collective, board } = replica;
        let mut sync = GradientSync::begin(collective, board, plan);
        let backward = sync.while_backward(&Pass { model, plan })?;
        let mean = sync.mean(backward)?;
        let found = finished(&mean, plan);
        found.check(plan.examples)?;
        if found.is_finite() {
            let clipped = plan.traced("clip", || clip(mean.gradients, plan.max_grad_norm));
            board.enter(Phase::Stepping, plan.number());
            plan.traced("optimizer", || {
                optimizer.step(&clipped.gradients, plan.rates, plan.number())
            })?;
            sync.publish(model.parameters())?;
        }
        Ok(vec![FinishedUpdate { cost: sync.cost(), ..found }])
    }

    /// Each update was finished and reported when it returned.
    fn settle(&mut self, _replica: Replica<'_>) -> Result<Vec<FinishedUpdate>, TrainError> {
        Ok(Vec::new())
    }
}

fn finished(mean: &Mean, plan: &UpdatePlan<'_>) -> FinishedUpdate {
    let Mean { gradients, totals } = mean;
    FinishedUpdate {
        step: plan.step,
        loss: totals.loss / plan.weight,
        grad_norm: gradients.norm(),
        examples: totals.examples,
        tokens: totals.tokens,
        stop: totals.stop,
        odd: totals.odd,
        cost: Cost::default(),
    }
}
