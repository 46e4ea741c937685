//! Sums over ranks where the values lie, beside the pass that computes them.

use lockstep_collective::{Collective, GpuPart};
use lockstep_gpu::CudaMachine;
use lockstep_program::{MachineError, Region};

use super::ranges::ranges;
use crate::TrainError;

pub(super) fn sums(
    machine: &mut CudaMachine,
    buckets: &[Region],
    collective: &mut dyn Collective,
) -> Result<(), TrainError> {
    let (whole, ranges) = ranges(buckets).ok_or(TrainError::Engine)?;
    let part = |(bucket, values)| Ok(GpuPart { values, behind: machine.completed(bucket)? });
    let parts: Result<Vec<_>, MachineError> = ranges.into_iter().enumerate().map(part).collect();
    let parts = parts?;
    Ok(machine.with_values(whole, |values| collective.start_sums_on_gpu(values, &parts))?)
}
