//! The activation `gelu(x) = x Φ(x)`, exact: with erf, not its tanh approximation.
//!
//! Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, equation 1; `Φ` is the normal
//! distribution. Its derivative is `Φ(x) + x φ(x)`.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::cpu::blocks::filled;
use crate::cpu::elementary::normal;
use crate::cpu::values::{Reading, gradient, stored};
use crate::cpu::vector::{Kernel, vectorised};
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
        let y = filled(x.len(), 1, |start, y| vectorised(Values { x: &x[start..], y }));
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dy = dy.contiguous()?;
        let (x_values, dy_values) = (Reading::of(x)?, Reading::of(&dy)?);
        gradient(x, || {
            filled(x_values.len(), 1, |start, dx| {
                vectorised(Gradients { x: &x_values[start..], dy: &dy_values[start..], dx });
            })
        })
    }
}

/// `x Φ(x)` and `Φ(x) + x φ(x)`; what is not read is not computed.
#[inline(always)]
pub(crate) fn value_and_derivative(x: f32) -> (f32, f32) {
    let normal = normal(x);
    (x * normal.below, normal.below + x * normal.density)
}

struct Values<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = value_and_derivative(x).0;
        }
    }
}

struct Gradients<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((dx, &x), &dy) in self.dx.iter_mut().zip(self.x).zip(self.dy) {
            *dx = dy * value_and_derivative(x).1;
        }
    }
}
