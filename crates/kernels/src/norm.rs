//! The sum of squares of a tensor, from which the norm of a whole gradient is made.
//!
//! Tensors have tens of millions of values, so the sum is kept in f64: over fixed blocks, then over
//! the blocks in order. Replicas that hold equal gradients get equal bits, at any number of threads.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::cpu::values::Values;
use crate::cpu::vector::vectorised;
use crate::{cpu, plain};

/// Values of a block.
const BLOCK: usize = 64 * 1024;
/// Partial sums of a block.
const LANES: usize = 16;

/// `Σ t²` over all values of `tensor`, accumulated in f64.
///
/// # Errors
/// When candle refuses the type of `tensor`.
pub fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    if !cpu::takes(&[tensor]) {
        return plain::sum_of_squares(tensor);
    }
    let tensor = tensor.contiguous()?;
    let values = Values::read(&tensor)?;
    let blocks: Vec<f64> =
        values.par_chunks(BLOCK).map(|block| vectorised(|| squares(block))).collect();
    Ok(blocks.iter().sum())
}

#[inline(always)]
fn squares(block: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let (groups, rest) = block.as_chunks::<LANES>();
    for values in groups.iter().map(<[f32; LANES]>::as_slice).chain([rest]) {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    sums.iter().sum()
}
