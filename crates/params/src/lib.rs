//! Named tensors: the weights of a model, their gradients, and the files both are kept in.
//!
//! Everything is ordered by [`ParamName`]. That order is the order of the bytes on the wire and in
//! a file, so it may not depend on a hash map's mood: two processes that walked their gradients in
//! different orders would add unrelated numbers.
//!
//! Gradients come in two types. [`LocalGradients`] are what this process computed;
//! [`GlobalGradients`] are sums over all ranks, divided by the global number of examples. A
//! [`Collective`](lockstep_collective::Collective) is the only way from the first to the second
//! ([`LocalGradients::sum`]), and only the second kind reaches an optimiser.

mod bucket;
mod digest;
mod error;
mod fixed;
mod foreign;
mod global;
mod in_place;
mod info;
mod local;
mod name;
mod numbers;
mod parameters;
mod snapshot;
mod tensor_file;
mod tensor_output;
mod tree_sums;

pub use digest::{Digest, Hashed};
pub use error::{GradientError, ReductionError};
pub use fixed::Fixed;
pub use global::{GlobalGradients, ReducedGradients};
#[cfg(feature = "cuda")]
pub use in_place::with_gpu_values;
pub use info::{GradientLayout, Group, ParameterInfo, Role};
pub use local::LocalGradients;
pub use name::ParamName;
pub use numbers::are_numbers;
pub use parameters::{ParameterError, Parameters};
pub use snapshot::{TensorCopy, copy_each};
pub use tensor_file::{TensorFile, TensorFileError};
pub use tensor_output::write_tensors;
pub use tree_sums::TreeSums;
