//! The model that a run starts from, also when its files were removed since.

use lockstep_settings::OutputPlan;

use super::Run;
use crate::failure::Failure;
use crate::models::Base;
use crate::output_dir;

impl Run<'_> {
    /// The model that the run starts from; where its files were removed, the checkpoint to resume from,
    /// which has the whole model.
    pub(super) fn base(&self) -> Result<Base, Failure> {
        let OutputPlan { directory, existing, .. } = &self.plan.run;
        let failure = match Base::find(&self.plan.model, self.hub) {
            Ok(base) => return Ok(base),
            Err(failure) => failure,
        };
        let Ok(Some(checkpoint)) = output_dir::checkpoint(directory, existing) else {
            return Err(failure);
        };
        let Ok(base) = Base::read(checkpoint.clone(), &self.plan.model) else {
            return Err(failure);
        };
        if self.seat.is_leader() {
            tracing::warn!(
                "{failure}\n  the run continues without it: {} has the whole model",
                checkpoint.display()
            );
        }
        Ok(base)
    }
}
