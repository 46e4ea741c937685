//! A build without CUDA: no machine can be there.

use lockstep_collective::Collective;
use lockstep_gpu::{CudaMachine, GpuError};
use lockstep_program::Region;

use crate::TrainError;

pub(super) fn sums(
    _machine: &mut CudaMachine,
    _buckets: &[Region],
    _collective: &mut dyn Collective,
) -> Result<(), TrainError> {
    Err(GpuError::NotBuiltIn.into())
}
