//! What a run's model is made from, also where that is gone.

use lockstep_host::streams;
use lockstep_settings::OutputPlan;

use super::Run;
use crate::failure::Failure;
use crate::models::Base;
use crate::output_dir;

impl Run<'_> {
    /// What the model is made from; where that is gone, the checkpoint to go on from, which has all of
    /// it.
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
            streams::tell(format_args!(
                "warning: {failure}\n         the run goes on without it: {} has all of the model",
                checkpoint.display()
            ));
        }
        Ok(base)
    }
}
