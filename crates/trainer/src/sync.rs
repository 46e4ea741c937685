//! How the ranks' gradients become one: the only place where replicas could drift apart.
//!
//! Each rank brings sums over its own examples. They are added over all ranks and divided once by
//! the number of examples of the whole global batch. So it does not matter how the batch was
//! shared out, and every rank holds the same bits afterwards.
//!
//! The sums travel in parts, on a thread of their own, while the backward pass goes on: the blocks
//! from the last to the first, then embeddings and head. All ranks keep this order, those without
//! an example of their own too.

use std::sync::mpsc::Receiver;
use std::time::Instant;

use lockstep_collective::Collective;
use lockstep_model::Classifier;
use lockstep_params::{GlobalSums, LocalGradients, ParamName, Reduction};

use crate::TrainError;

/// The thread that sums.
pub(crate) struct Summing<'a> {
    pub(crate) model: &'a Classifier,
    pub(crate) collective: &'a mut dyn Collective,
    pub(crate) share: ShareSize,
}

/// Whether this rank has examples in an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShareSize {
    /// It has none: there are more ranks than examples.
    Empty,
    /// It has some.
    Some,
}

/// The number that says that the backward pass has ended.
pub(crate) const ALL: usize = usize::MAX;

/// The sums over all ranks, and how long the calls took.
#[derive(Debug, Default)]
pub(crate) struct Summed {
    pub(crate) sums: GlobalSums,
    pub(crate) seconds: f64,
}

impl Summing<'_> {
    /// Sums each block as its number is told, and at [`ALL`] what is left. Where that is never
    /// told, because the pass failed, the sums stay incomplete.
    ///
    /// # Errors
    /// [`TrainError`] when a peer is lost, or a parameter has no gradient.
    pub(crate) fn follow(mut self, told: &Receiver<usize>) -> Result<Summed, TrainError> {
        let mut summed = Summed::default();
        for number in told {
            let model = self.model;
            if number == ALL {
                let done = std::mem::take(&mut summed.sums);
                self.sum(&mut summed, |name| !done.contains(name))?;
                summed.sums.join(done);
                break;
            }
            self.sum(&mut summed, |name| model.block_of(name) == Some(number))?;
        }
        Ok(summed)
    }

    fn sum(
        &mut self,
        summed: &mut Summed,
        wanted: impl Fn(&ParamName) -> bool,
    ) -> Result<(), TrainError> {
        let parameters = self.model.parameters();
        let local = match self.share {
            ShareSize::Empty => LocalGradients::some_zeros(parameters, wanted)?,
            ShareSize::Some => LocalGradients::take_some(parameters, wanted)?,
        };
        let began = Instant::now();
        summed.sums.join(local.sum(&mut OverRanks(self.collective))?);
        summed.seconds += began.elapsed().as_secs_f64();
        Ok(())
    }
}

struct OverRanks<'a>(&'a mut dyn Collective);

impl Reduction for OverRanks<'_> {
    type Error = TrainError;

    fn sum(&mut self, values: &mut [f32]) -> Result<(), TrainError> {
        Ok(self.0.all_reduce_sum(values)?)
    }

    fn unite(&mut self, bits: &mut [u64]) -> Result<(), TrainError> {
        for theirs in self.0.all_gather(bits)?.chunks_exact(bits.len()) {
            bits.iter_mut().zip(theirs).for_each(|(bits, theirs)| *bits |= theirs);
        }
        Ok(())
    }
}
