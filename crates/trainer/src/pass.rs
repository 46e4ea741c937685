//! What one rank does by itself in an update: forward and backward over its examples.

use std::sync::mpsc::Sender;

use lockstep_data::Batch;
use lockstep_model::{Classifier, Mode, Ready};
use lockstep_params::{LocalGradients, ParamName, ParameterInfo};

use crate::TrainError;
use crate::forward::input;
use crate::update::{UpdatePlan, UpdateTotals};

/// The forward and backward passes of one rank in one update.
pub(crate) struct Pass<'a> {
    pub(crate) model: &'a Classifier,
    pub(crate) plan: &'a UpdatePlan<'a>,
}

impl Pass<'_> {
    /// Goes forward and backward over all micro-batches. While it goes backward over the last one,
    /// `listener` receives which gradients are complete: the blocks from the last to the first,
    /// then the rest.
    ///
    /// # Errors
    /// [`TrainError`] when the model or the tensor library fails; [`Ready::Rest`] is not sent then.
    pub(crate) fn run(&self, listener: &Sender<Ready>) -> Result<UpdateTotals, TrainError> {
        let mut own = UpdateTotals { examples: self.plan.indices.len(), ..Default::default() };
        let mut micro_batches = self.plan.micro_batches().peekable();
        while let Some(micro) = micro_batches.next() {
            let batch = Batch::pack(self.plan.train, micro)?;
            let is_last = micro_batches.peek().is_none();
            let listener = is_last.then_some(listener);
            let mode = Mode::Train { dropout: self.plan.dropout, listener };
            let logits = self.model.logits(&input(&batch), mode)?; // (B, K)
            let loss = logits.summed_cross_entropy(batch.labels())?;
            own.loss += loss.value()?;
            own.tokens += batch.tokens();
            self.model.backward(&loss)?;
        }
        if self.has_no_example() {
            for block in (0..self.model.config().blocks).rev() {
                let _ = listener.send(Ready::Block(block));
            }
        }
        let _ = listener.send(Ready::Rest);
        Ok(own)
    }

    /// The sums of this rank's gradients, of those parameters that are `wanted`; zeros if the rank
    /// has no example.
    ///
    /// # Errors
    /// [`TrainError`] when a parameter has no gradient.
    pub(crate) fn gradients(
        &self,
        wanted: impl Fn(&ParamName, &ParameterInfo) -> bool,
    ) -> Result<LocalGradients, TrainError> {
        let parameters = self.model.parameters();
        Ok(if self.has_no_example() {
            LocalGradients::some_zeros(parameters, wanted)?
        } else {
            LocalGradients::take_some(parameters, wanted)?
        })
    }

    fn has_no_example(&self) -> bool {
        self.plan.indices.is_empty()
    }
}
