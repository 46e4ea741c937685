//! Layer normalisation: each row to mean 0 and variance 1, then scaled and shifted.
//!
//! Ba, Kiros and Hinton, "Layer Normalization", 2016. With `x̂ = (x - mean) / √(variance + eps)`:
//! `y = gamma x̂ + beta`. The backward recomputes mean and variance from `x`, which costs less than
//! to keep them: the row is in the cache already.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use crate::cpu::blocks::{filled, filled_with};
use crate::cpu::columns::in_order;
use crate::cpu::values::{Reading, gradient, stored};
use crate::cpu::vector::{Kernel, add, sum, vectorised};
use crate::{cpu, plain, shapes};

/// Normalises the rows of `x` (N,D), with `gamma` (D) and `beta` (D); the result is (N,D).
///
/// # Errors
/// When the shapes do not fit each other.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    let (_, width) = shapes::matrix("layer_norm", "x", x)?;
    shapes::vector("layer_norm", "gamma", gamma, width)?;
    shapes::vector("layer_norm", "beta", beta, width)?;
    if cpu::takes(&[x, gamma, beta]) {
        #[expect(clippy::cast_possible_truncation, reason = "the kernel computes in f32")]
        let norm = LayerNorm { eps: eps as f32 };
        x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, norm)
    } else {
        plain::layer_norm(x, gamma, beta, eps)
    }
}

#[derive(Clone, Copy)]
struct LayerNorm {
    eps: f32,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        gamma: &CpuStorage,
        gamma_layout: &Layout,
        beta: &CpuStorage,
        beta_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = stored(x, layout)?; // (N,D)
        let (gamma, beta) = (stored(gamma, gamma_layout)?, stored(beta, beta_layout)?); // (D)
        let width = gamma.len();
        let y = filled(x.len(), width, |start, y| {
            vectorised(Values { norm: *self, x: &x[start..], gamma, beta, y });
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let (x_values, gamma_values, dy_values) =
            (Reading::of(x)?, Reading::of(gamma)?, Reading::of(&dy)?);
        let width = gamma_values.len();
        let (dx, parts) = filled_with(x_values.len(), width, |start, dx| {
            let (x, dy, gamma) = (&x_values[start..], &dy_values[start..], &*gamma_values);
            let mut parts = (vec![0.0; width], vec![0.0; width]);
            let (dgamma_part, dbeta_part) = (&mut *parts.0, &mut *parts.1);
            vectorised(Slopes { norm: *self, x, dy, gamma, dx, dgamma_part, dbeta_part });
            parts
        });
        let (dgamma, dbeta): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let dgamma = gradient(gamma, || in_order(&dgamma, width))?;
        let dbeta = gradient(beta, || in_order(&dbeta, width))?;
        Ok((gradient(x, || dx)?, dgamma, dbeta))
    }
}

impl LayerNorm {
    /// The mean of a row and the factor that brings its variance to 1.
    #[inline(always)]
    fn moments(self, x: &[f32]) -> (f32, f32) {
        let count = x.len() as f32;
        let mean = sum([x], |[x]| x) / count;
        let variance = sum([x], |[x]| (x - mean) * (x - mean)) / count;
        (mean, 1.0 / (variance + self.eps).sqrt())
    }
}

/// The forward of some rows.
struct Values<'a> {
    norm: LayerNorm,
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.gamma.len();
        for (y, x) in self.y.chunks_exact_mut(width).zip(self.x.chunks_exact(width)) {
            let (mean, scale) = self.norm.moments(x);
            let constants = self.gamma.iter().zip(self.beta);
            for ((y, &x), (&gamma, &beta)) in y.iter_mut().zip(x).zip(constants) {
                *y = (x - mean) * scale * gamma + beta;
            }
        }
    }
}

/// The backward of some rows.
struct Slopes<'a> {
    norm: LayerNorm,
    x: &'a [f32],
    dy: &'a [f32],
    gamma: &'a [f32],
    dx: &'a mut [f32],
    /// These rows' share of the gradient of gamma.
    dgamma_part: &'a mut [f32],
    /// These rows' share of the gradient of beta.
    dbeta_part: &'a mut [f32],
}

impl Kernel for Slopes<'_> {
    type Output = ();

    /// With `g = gamma dy`: `dx = (g - mean(g) - x̂ mean(g x̂)) / √(variance + eps)`, from the
    /// chain rule; `dgamma += x̂ dy` and `dbeta += dy`.
    #[inline(always)]
    fn run(self) {
        let (width, count) = (self.gamma.len(), self.gamma.len() as f32);
        let rows = self.x.chunks_exact(width).zip(self.dy.chunks_exact(width));
        for (dx, (x, dy)) in self.dx.chunks_exact_mut(width).zip(rows) {
            let (mean, scale) = self.norm.moments(x);
            for (((dx, &x), &dy), dgamma) in
                dx.iter_mut().zip(x).zip(dy).zip(&mut *self.dgamma_part)
            {
                *dx = (x - mean) * scale; // x̂, for now
                *dgamma += dy * *dx;
            }
            add(self.dbeta_part, dy);
            let mean_g = sum([self.gamma, dy], |[gamma, dy]| gamma * dy) / count;
            let mean_gx = sum([self.gamma, dy, dx], |[gamma, dy, x]| gamma * dy * x) / count;
            for ((dx, &gamma), &dy) in dx.iter_mut().zip(self.gamma).zip(dy) {
                *dx = scale * (gamma * dy - mean_g - *dx * mean_gx);
            }
        }
    }
}
