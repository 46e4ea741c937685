//! The kernels of `crates/kernels/src/cuda`, run by the emulator, against plain loops in f64.

mod adamw;
mod finish;
mod head;
mod mask;
mod numbers;
mod word_rows;
