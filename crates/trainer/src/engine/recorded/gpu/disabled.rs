//! A build without CUDA: no machine can be there.

use lockstep_collective::Collective;
use lockstep_kernels::gpu::{CudaMachine, GpuError};
use lockstep_program::Region;

use crate::TrainError;

pub(super) fn sum(
    _machine: &mut CudaMachine,
    _region: Region,
    _collective: &mut dyn Collective,
) -> Result<(), TrainError> {
    Err(GpuError::NotBuiltIn.into())
}
