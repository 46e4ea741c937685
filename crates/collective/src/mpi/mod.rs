//! Ranks that an MPI library connects: an optional library, chosen here once.

#[cfg(not(feature = "mpi"))]
mod disabled;
#[cfg(feature = "mpi")]
mod enabled;

#[cfg(not(feature = "mpi"))]
pub use disabled::Mpi;
#[cfg(feature = "mpi")]
pub use enabled::Mpi;
