//! The sum of squares of a tensor, from which the norm of a whole gradient is made.
//!
//! Tensors have tens of millions of values, so the sum is kept in f64: over fixed blocks, then over
//! the blocks in order. Replicas that hold equal gradients get equal bits, at any number of threads.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::cpu::values::Reading;
use crate::cpu::vector::{Kernel, vectorised};
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
    Ok(of_values(&Reading::of(&tensor)?))
}

/// `Σ v²`, accumulated in f64.
pub(crate) fn of_values(values: &[f32]) -> f64 {
    let blocks: Vec<f64> =
        values.par_chunks(BLOCK).map(|block| vectorised(Squares(block))).collect();
    blocks.iter().sum()
}

struct Squares<'a>(&'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut sums = [0.0; LANES];
        let (groups, rest) = self.0.as_chunks::<LANES>();
        for values in groups {
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += f64::from(value) * f64::from(value);
            }
        }
        for (sum, &value) in sums.iter_mut().zip(rest) {
            *sum += f64::from(value) * f64::from(value);
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn every_value_counts_once() {
        for len in [0, 1, 15, 16, 17, 200_000] {
            let values = (0..len).map(|i| ((i % 17) as f32 - 8.0) / 4.0);
            let expected: f64 = values.clone().map(|x| f64::from(x * x)).sum();
            let tensor = Tensor::from_iter(values, &Device::Cpu).unwrap();
            assert_eq!(sum_of_squares(&tensor).unwrap(), expected, "{len}");
            let wide = tensor.to_dtype(candle_core::DType::F64).unwrap();
            assert_eq!(sum_of_squares(&wide).unwrap(), expected, "{len} in f64");
        }
    }
}
