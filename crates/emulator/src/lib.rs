//! Runs the CUDA kernels of `crates/gpu/src/cuda` on a CPU, for tests.
//!
//! The C++ compiler compiles the very files that nvcc compiles (`build.rs`), against a header that
//! stands for CUDA (`cpp/`). The threads of a block are fibers that switch at barriers and warp
//! collectives only, in an order that a seed permutes: where a barrier is missing, results depend
//! on the seed. Shared memory and buffers start as NaN, and memory around them cannot be touched.

mod argument;
pub mod beside;
mod bf16;
mod buffer;
mod emulator;
mod heap;
mod launch;
mod machine;
mod memory;
mod native;
mod orders;
mod product;

pub use argument::RawArgument;
pub use bf16::{bf16_bits, bf16_value};
pub use buffer::Buffer;
pub use emulator::Emulator;
pub use launch::Grid;
pub use machine::Loaded;
pub use orders::{Bytes, in_every_order};
