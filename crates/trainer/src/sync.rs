//! How the ranks' gradients become one: the only place where replicas could drift apart.
//!
//! Each rank brings sums over its own examples. They are added over all ranks, parameter by
//! parameter in the order of the names, and divided once by the number of examples of the whole
//! global batch. So it does not matter how the batch was shared out, and every rank holds the same
//! bits afterwards.

use lockstep_collective::Collective;
use lockstep_params::{GlobalGradients, LocalGradients};

use crate::TrainError;

/// The gradient of the mean loss over `examples` examples of all ranks.
///
/// # Errors
/// [`TrainError::Collective`] when a peer is lost.
pub(crate) fn mean(
    local: LocalGradients,
    examples: usize,
    collective: &dyn Collective,
) -> Result<GlobalGradients, TrainError> {
    local.reduce(examples, |sums| Ok(collective.all_reduce_sum(sums)?))
}
