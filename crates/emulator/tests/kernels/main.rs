//! The kernels of crates/kernels/src/cuda on the emulator, against oracles in f64: a module for
//! each file of kernels.

mod convert;
mod embedding;
mod first_rows;
mod gelu;
mod norm;
mod oracle;
mod sums;
mod values;
