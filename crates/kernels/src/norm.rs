//! The sum of squares of a tensor, from which the norm of a whole gradient is made.
//!
//! Tensors have tens of millions of values, so the sum is kept in f64: over fixed blocks, then over
//! the blocks in order. Replicas that hold equal gradients get equal bits, at any number of threads.

use candle_core::{DType, Result, Tensor};
use rayon::prelude::*;

use crate::cpu::values::Reading;
use crate::cpu::vector::{Kernel, vectorised};
use crate::{cpu, plain};

/// Values of a block.
const BLOCK: usize = 64 * 1024;
/// Values of a row on a GPU.
const ROW: usize = 1024;
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

/// `Σ t²` over all values of `tensor` (a vector), accumulated in f64, left as a scalar on its
/// device: nothing waits for it before it is read.
///
/// # Errors
/// When candle refuses the type of `tensor`.
pub fn squares_on_device(tensor: &Tensor) -> Result<Tensor> {
    // Candle sums each row by a block of threads of its own.
    let (count, whole) = (tensor.elem_count(), tensor.elem_count() / ROW * ROW);
    let rows = tensor.narrow(0, 0, whole)?.reshape((whole / ROW, ROW))?;
    let rest = tensor.narrow(0, whole, count - whole)?.unsqueeze(0)?;
    let filled = [rows, rest].into_iter().filter(|part| part.elem_count() > 0);
    let sums = filled.map(|part| part.to_dtype(DType::F64)?.sqr()?.sum(1));
    let none = Tensor::zeros(1, DType::F64, tensor.device())?;
    let sums = std::iter::once(Ok(none)).chain(sums).collect::<Result<Vec<_>>>()?;
    Tensor::cat(&sums, 0)?.sum_all()
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
            let scalar = squares_on_device(&tensor).unwrap().to_scalar::<f64>().unwrap();
            assert_eq!(scalar, expected, "{len} as on a GPU");
        }
    }
}
