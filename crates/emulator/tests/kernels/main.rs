//! The kernels of `crates/kernels/src/cuda`, run by the emulator, against plain loops in f64.

mod attention;
