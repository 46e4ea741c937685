//! The kernels of `crates/kernels/src/cuda`, run by the emulator, against plain loops in f64.

#[cfg(test)]
mod adamw;
#[cfg(test)]
mod finish;
#[cfg(test)]
mod head;
#[cfg(test)]
mod mask;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod word_rows;
