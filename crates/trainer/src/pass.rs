//! What one rank does by itself in an update: forward and backward over its examples.

use std::sync::mpsc::Sender;

use lockstep_data::Batch;
use lockstep_model::{Classifier, Mode, Ready};
use lockstep_params::{LocalGradients, ParamName, ParameterInfo, TreeSums};

use crate::TrainError;
use crate::forward::input;
use crate::update::{UpdatePlan, UpdateTotals};

/// The forward and backward passes of one rank in one update.
pub(crate) struct Pass<'a> {
    pub(crate) model: &'a Classifier,
    pub(crate) plan: &'a UpdatePlan<'a>,
}

/// What came of all shares but the last.
#[derive(Default)]
pub(crate) struct FirstShares {
    pub(crate) sums: TreeSums,
    /// Of each share.
    pub(crate) totals: Vec<UpdateTotals>,
}

impl Pass<'_> {
    /// Goes forward and backward over all shares but the last.
    ///
    /// # Errors
    /// [`TrainError`] when the model or the tensor library fails, or a parameter has no gradient.
    pub(crate) fn first_shares(&self) -> Result<FirstShares, TrainError> {
        let mut first = FirstShares::default();
        for share in self.plan.shares.split_last().map_or(&[][..], |(_, first)| first) {
            first.totals.push(self.share(share, None)?);
            first.sums.push(self.gradients(share, |_, _| true)?)?;
        }
        Ok(first)
    }

    /// Goes forward and backward over the last share. While it goes backward over the last
    /// micro-batch, `listener` receives which gradients are complete: the blocks from the last to
    /// the first, then the rest.
    ///
    /// # Errors
    /// [`TrainError`] when the model or the tensor library fails; [`Ready::Rest`] is not sent then.
    pub(crate) fn last_share(&self, listener: &Sender<Ready>) -> Result<UpdateTotals, TrainError> {
        let share = self.last();
        let totals = self.share(share, Some(listener))?;
        if share.is_empty() {
            for block in (0..self.model.config().blocks).rev() {
                let _ = listener.send(Ready::Block(block));
            }
        }
        let _ = listener.send(Ready::Rest);
        Ok(totals)
    }

    /// The sums of the last share's gradients, of those parameters that are `wanted`.
    ///
    /// # Errors
    /// [`TrainError`] when a parameter has no gradient.
    pub(crate) fn last_gradients(
        &self,
        wanted: impl Fn(&ParamName, &ParameterInfo) -> bool,
    ) -> Result<LocalGradients, TrainError> {
        self.gradients(self.last(), wanted)
    }

    fn last(&self) -> &[usize] {
        self.plan.shares.last().map_or(&[], Vec::as_slice)
    }

    fn share(
        &self,
        share: &[usize],
        listener: Option<&Sender<Ready>>,
    ) -> Result<UpdateTotals, TrainError> {
        let mut own = UpdateTotals { examples: share.len(), ..Default::default() };
        let mut micro_batches = self.plan.micro_batches(share).peekable();
        while let Some(micro) = micro_batches.next() {
            let batch = self.plan.traced("data", || Batch::pack(self.plan.train, micro))?;
            let span = self.plan.span("forward");
            let listener = listener.filter(|_| micro_batches.peek().is_none());
            let mode = Mode::Train { dropout: self.plan.dropout, listener };
            let logits = self.model.logits(&input(&batch), mode)?; // (B, K)
            let loss = logits.summed_cross_entropy(batch.labels(), self.plan.criterion)?;
            own.loss += loss.value()?;
            own.tokens += batch.tokens();
            drop(span);
            let _span = self.plan.span("backward");
            self.model.backward(&loss)?;
        }
        Ok(own)
    }

    /// The sums of a share's gradients; zeros if it has no example.
    fn gradients(
        &self,
        share: &[usize],
        wanted: impl Fn(&ParamName, &ParameterInfo) -> bool,
    ) -> Result<LocalGradients, TrainError> {
        let parameters = self.model.parameters();
        Ok(if share.is_empty() {
            LocalGradients::some_zeros(parameters, wanted)?
        } else {
            LocalGradients::take_some(parameters, wanted)?
        })
    }
}
