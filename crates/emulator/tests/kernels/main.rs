//! The kernels of crates/gpu/src/cuda on the emulator, against oracles in f64: a module for
//! each file of kernels.

#[cfg(test)]
mod adamw;
#[cfg(test)]
mod attention;
#[cfg(test)]
mod convert;
#[cfg(test)]
mod embedding;
#[cfg(test)]
mod finish;
#[cfg(test)]
mod first_rows;
#[cfg(test)]
mod gelu;
#[cfg(test)]
mod head;
#[cfg(test)]
mod mask;
#[cfg(test)]
mod norm;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod sums;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod values;
#[cfg(test)]
mod word_rows;
