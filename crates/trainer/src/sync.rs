//! How the ranks' gradients become one: the only place where replicas could drift apart.
//!
//! Each rank brings sums over its own examples. They are added over all ranks, parameter by
//! parameter in the order of the names, and divided once by the number of examples of the whole
//! global batch. So it does not matter how the batch was shared out, and every rank holds the same
//! bits afterwards.

use lockstep_collective::Collective;
use lockstep_params::{GlobalGradients, LocalGradients, Reduction};

use crate::TrainError;

/// The gradient of the mean loss over `examples` examples of all ranks.
///
/// # Errors
/// [`TrainError::Collective`] when a peer is lost.
pub(crate) fn mean(
    local: LocalGradients,
    examples: usize,
    collective: &mut dyn Collective,
) -> Result<GlobalGradients, TrainError> {
    local.reduce(examples, &mut OverRanks(collective))
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
