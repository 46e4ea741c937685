//! A build without MPI: joining says how to get one with it.

use std::convert::Infallible;

use lockstep_world::{Rank, Seat};

use crate::{Collective, CollectiveError};

/// A rank of an MPI world, of which this build has none.
#[derive(Debug)]
pub struct Mpi(Infallible);

impl Mpi {
    /// Whether this build has an MPI library.
    pub const IS_BUILT_IN: bool = false;

    /// Whether ranks that MPICH's starter starts find each other through this build's library.
    #[must_use]
    pub fn speaks_to_mpich() -> bool {
        false
    }

    /// Always fails, with words on what would help.
    ///
    /// # Errors
    /// [`CollectiveError::Missing`].
    pub fn join() -> Result<Self, CollectiveError> {
        Err(CollectiveError::Missing {
            library: "MPI",
            remedy: "install libopenmpi-dev, openmpi-bin, libclang-dev, clang and pkg-config, and \
                     build without --no-default-features",
        })
    }

    /// The library's name and version.
    #[must_use]
    pub fn library(&self) -> String {
        match self.0 {}
    }
}

impl Collective for Mpi {
    fn seat(&self) -> Seat {
        match self.0 {}
    }

    fn all_reduce_sum(&mut self, _values: &mut [f32]) -> Result<(), CollectiveError> {
        match self.0 {}
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        match self.0 {}
    }

    fn broadcast(&mut self, _values: &mut [f32], _root: Rank) -> Result<(), CollectiveError> {
        match self.0 {}
    }

    fn all_gather(&mut self, _values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        match self.0 {}
    }
}
