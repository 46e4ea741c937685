//! The activation `gelu(x) = x Φ(x)`, exact: with erf, not its tanh approximation.
//!
//! Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, equation 1; `Φ` is the normal
//! distribution. Its slope is `Φ(x) + x φ(x)`.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::cpu::blocks::filled;
use crate::cpu::elementary::normal;
use crate::cpu::values::{Values, gradient, stored};
use crate::cpu::vector::vectorised;
use crate::{cpu, plain};

/// `x Φ(x)` for each value of `x`, which may have any shape.
///
/// # Errors
/// When candle refuses the type of `x`.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if cpu::takes(&[x]) { x.contiguous()?.apply_op1(Gelu) } else { plain::gelu(x) }
}

struct Gelu;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = stored(x, layout)?;
        let y = filled(x.len(), 1, |start, block| {
            vectorised(|| {
                for (y, &x) in block.iter_mut().zip(&x[start..]) {
                    *y = x * normal(x).below;
                }
            });
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dy = dy.contiguous()?;
        let (x_values, dy_values) = (Values::read(x)?, Values::read(&dy)?);
        gradient(x, || slopes(&x_values, &dy_values))
    }
}

fn slopes(x: &[f32], dy: &[f32]) -> Vec<f32> {
    filled(x.len(), 1, |start, block| {
        vectorised(|| {
            for ((dx, &x), &dy) in block.iter_mut().zip(&x[start..]).zip(&dy[start..]) {
                let normal = normal(x);
                *dx = dy * (normal.below + x * normal.density);
            }
        });
    })
}
