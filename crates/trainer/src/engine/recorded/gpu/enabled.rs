//! Sums over ranks where the values lie.

use lockstep_collective::Collective;
use lockstep_kernels::gpu::CudaMachine;
use lockstep_program::Region;

use crate::TrainError;

pub(super) fn sum(
    machine: &mut CudaMachine,
    region: Region,
    collective: &mut dyn Collective,
) -> Result<(), TrainError> {
    Ok(machine.with_values(region, |values| collective.all_reduce_sum_on_gpu(values))?)
}
