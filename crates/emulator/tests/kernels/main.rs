//! The kernels of crates/kernels/src/cuda on the emulator, against oracles in f64: a module for
//! each file of kernels.

mod adamw;
mod attention;
mod convert;
mod embedding;
mod finish;
mod first_rows;
mod gelu;
mod head;
mod mask;
mod norm;
mod numbers;
mod oracle;
mod sums;
mod tables;
mod values;
mod word_rows;
