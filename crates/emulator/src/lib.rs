//! Runs the CUDA kernels of `crates/kernels/src/cuda` on a CPU, for tests.
