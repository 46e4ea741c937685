//! How the ranks' gradients become one: the only place where replicas could drift apart.
//!
//! Each rank brings sums over its own examples. They are added over all ranks and divided once by
//! the number of examples of the whole global batch. So it does not matter how the batch was
//! shared out, and every rank holds the same bits afterwards.
//!
//! On CPUs each rank learns the sums of its shard of each matrix only, applies AdamW to
//! that, and gives the new weights to the others: as many bytes go over the wire as with sums for
//! all, and the optimiser's walk over weights and moments is shared out (Rajbhandari et al., "ZeRO:
//! Memory Optimizations Toward Training Trillion Parameter Models", 2020, stage 1). The moments
//! are gathered before a checkpoint only.
//!
//! The sums travel in parts, on a thread of their own, while the backward pass goes on: the blocks
//! from the last to the first, then embeddings and head. All ranks keep this order, those without
//! an example of their own too.

use std::ops::Range;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use lockstep_collective::Collective;
use lockstep_model::Classifier;
use lockstep_params::{GlobalSums, LocalGradients, ParamName, Parameters, Reduction};
use lockstep_world::WorldSize;

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
        let is_sharded = is_sharded(self.collective, parameters);
        let collective = &mut *self.collective;
        summed.sums.join(local.sum(&mut OverRanks { collective, is_sharded })?);
        summed.seconds += began.elapsed().as_secs_f64();
        Ok(())
    }
}

/// Whether each rank updates its shard of the matrices only. Those of a GPU lie where no
/// rank but its own can read them, so each updates all of them there.
fn is_sharded(collective: &dyn Collective, parameters: &Parameters) -> bool {
    collective.seat().world() != WorldSize::ONE && parameters.device().is_cpu()
}

/// Gives each rank the other ranks' shards of `parameters`: of weights after an update, of moments
/// before they are saved.
///
/// # Errors
/// [`TrainError`] when a peer is lost.
pub(crate) fn gather_shards(
    collective: &mut dyn Collective,
    parameters: &Parameters,
) -> Result<(), TrainError> {
    if is_sharded(collective, parameters) {
        parameters
            .change_each_sharded(|values| collective.all_gather_shards(values).map_err(From::from))
    } else {
        Ok(())
    }
}

struct OverRanks<'a> {
    collective: &'a mut dyn Collective,
    is_sharded: bool,
}

impl Reduction for OverRanks<'_> {
    type Error = TrainError;

    fn sum(&mut self, values: &mut [f32]) -> Result<(), TrainError> {
        Ok(self.collective.all_reduce_sum(values)?)
    }

    fn sum_shard(&mut self, values: &mut [f32]) -> Result<Option<Range<usize>>, TrainError> {
        if !self.is_sharded {
            self.sum(values)?;
            return Ok(None);
        }
        self.collective.reduce_scatter_sum(values)?;
        Ok(Some(self.collective.seat().shard(values.len())))
    }

    #[cfg(feature = "cuda")]
    fn sum_on_device(&mut self, bucket: &candle_core::Tensor) -> Result<(), TrainError> {
        let sum = |values: &mut _| Ok(self.collective.all_reduce_sum_on_gpu(values)?);
        lockstep_params::with_gpu_values(bucket, sum)
    }

    fn unite(&mut self, bits: &mut [u64]) -> Result<(), TrainError> {
        for theirs in self.collective.all_gather(bits)?.chunks_exact(bits.len()) {
            bits.iter_mut().zip(theirs).for_each(|(bits, theirs)| *bits |= theirs);
        }
        Ok(())
    }
}
