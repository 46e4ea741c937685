//! A collective with which a test does something before each sum.

use lockstep_collective::{Collective, CollectiveError};
use lockstep_world::{Rank, Seat};

/// Calls `before` with the values of each sum; everything else is the inner collective's.
pub(super) struct BeforeSums<C, F> {
    pub(super) inner: C,
    pub(super) before: F,
}

impl<C, F> Collective for BeforeSums<C, F>
where
    C: Collective,
    F: FnMut(&mut [f32]) -> Result<(), CollectiveError> + Send,
{
    fn seat(&self) -> Seat {
        self.inner.seat()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        (self.before)(values)?;
        self.inner.all_reduce_sum(values)
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        self.inner.sum_by_tree()
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        self.inner.broadcast(values, root)
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        self.inner.all_gather(values)
    }
}
