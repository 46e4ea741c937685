//! Recorded programs on a GPU: the CUDA form of [`lockstep_program::Machine`].
//!
//! What can be told without a GPU stands in files of its own, with tests: the order of a
//! program's calls (`order.rs`), rings of slots and marks (`ring.rs`), kernels' arguments as bytes
//! (`values.rs`), products of rows as products of columns (`columns.rs`). The files around them call the
//! driver and cublasLt. These calls compile here, and no test makes them where there is no GPU.

#[cfg(any(test, feature = "cuda"))]
mod columns;
#[cfg(not(feature = "cuda"))]
mod disabled;
#[cfg(feature = "cuda")]
mod enabled;
#[cfg(any(test, feature = "cuda"))]
mod order;
#[cfg(any(test, feature = "cuda"))]
mod ring;
#[cfg(any(test, feature = "cuda"))]
mod values;

#[cfg(not(feature = "cuda"))]
pub use disabled::{CudaMachine, CudaProgram, region};
#[cfg(feature = "cuda")]
pub use enabled::{CudaMachine, CudaProgram, region};

/// How the host starts a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graphs {
    /// As one graph, which is captured at the second run: the first one loads what the libraries
    /// load when they are first called.
    On,
    /// Operation by operation on two streams.
    Off,
}

/// The memory of a card, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardMemory {
    /// What the machine has allocated.
    pub own: usize,
    /// What is taken, by whomever.
    pub used: usize,
    /// All of it.
    pub total: usize,
}
