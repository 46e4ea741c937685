//! A collective that is chosen when the program runs, inside of another one.

use std::time::Duration;

use lockstep_world::{Rank, Seat};

use crate::{Collective, CollectiveError};

impl Collective for Box<dyn Collective> {
    fn seat(&self) -> Seat {
        (**self).seat()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        (**self).all_reduce_sum(values)
    }

    #[cfg(feature = "nccl")]
    fn all_reduce_sum_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
    ) -> Result<(), CollectiveError> {
        (**self).all_reduce_sum_on_gpu(values)
    }

    #[cfg(feature = "nccl")]
    fn start_sums_on_gpu(
        &mut self,
        values: &mut cudarc::driver::CudaSlice<f32>,
        parts: &[crate::GpuPart<'_>],
    ) -> Result<(), CollectiveError> {
        (**self).start_sums_on_gpu(values, parts)
    }

    fn check(&mut self, waited: Duration) -> Result<(), CollectiveError> {
        (**self).check(waited)
    }

    fn reduce_scatter_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        (**self).reduce_scatter_sum(values)
    }

    fn all_gather_shards(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        (**self).all_gather_shards(values)
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        (**self).sum_by_tree()
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        (**self).broadcast(values, root)
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        (**self).all_gather(values)
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        (**self).barrier()
    }

    fn leave(self: Box<Self>) -> Result<(), CollectiveError> {
        (*self).leave()
    }
}
