//! Layer normalisation: each row to mean 0 and variance 1, then scaled and shifted.
//!
//! Ba, Kiros and Hinton, "Layer Normalization", 2016. With `x̂ = (x - mean) / √(variance + eps)`:
//! `y = gamma x̂ + beta`. The backward recomputes mean and variance from `x`, which costs less than
//! to keep them: the row is in the cache already.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use crate::cpu::blocks::{filled, filled_with};
use crate::cpu::columns::in_order;
use crate::cpu::values::{Values, gradient, stored};
use crate::cpu::vector::{sum, vectorised};
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
        let y = filled(x.len(), width, |start, block| {
            let rows = x[start..].chunks_exact(width);
            vectorised(|| {
                for (y, x) in block.chunks_exact_mut(width).zip(rows) {
                    self.row(x, (gamma, beta), y);
                }
            });
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
            (Values::read(x)?, Values::read(gamma)?, Values::read(&dy)?);
        let width = gamma_values.len();
        let (dx, parts) = filled_with(x_values.len(), width, |start, block| {
            self.block_gradients((&x_values[start..], &dy_values[start..]), &gamma_values, block)
        });
        let mut dgamma = in_order(&parts, 2 * width); // (2D), beta's after gamma's
        let dbeta = dgamma.split_off(width);
        Ok((gradient(x, || dx)?, gradient(gamma, || dgamma)?, gradient(beta, || dbeta)?))
    }
}

impl LayerNorm {
    /// The mean of a row and the factor that brings its variance to 1.
    #[inline(always)]
    fn moments(&self, x: &[f32]) -> (f32, f32) {
        let count = x.len() as f32;
        let mean = sum([x], |[x]| x) / count;
        let variance = sum([x], |[x]| (x - mean) * (x - mean)) / count;
        (mean, 1.0 / (variance + self.eps).sqrt())
    }

    #[inline(always)]
    fn row(&self, x: &[f32], (gamma, beta): (&[f32], &[f32]), y: &mut [f32]) {
        let (mean, scale) = self.moments(x);
        for (((y, &x), &gamma), &beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
            *y = (x - mean) * scale * gamma + beta;
        }
    }

    /// Fills a block of dx; returns the block's share of the gradients of gamma and beta, (2D).
    fn block_gradients(
        &self,
        (x, dy): (&[f32], &[f32]),
        gamma: &[f32],
        dx: &mut [f32],
    ) -> Vec<f32> {
        let width = gamma.len();
        let mut shares = vec![0.0; 2 * width];
        let (dgamma, dbeta) = shares.split_at_mut(width);
        vectorised(|| {
            let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
            for (dx, (x, dy)) in dx.chunks_exact_mut(width).zip(rows) {
                self.row_gradients((x, dy), gamma, dx, (&mut *dgamma, &mut *dbeta));
            }
        });
        shares
    }

    /// With `g = gamma dy`: `dx = (g - mean(g) - x̂ mean(g x̂)) / √(variance + eps)`, from the
    /// chain rule; `dgamma += x̂ dy` and `dbeta += dy`.
    #[inline(always)]
    fn row_gradients(
        &self,
        (x, dy): (&[f32], &[f32]),
        gamma: &[f32],
        dx: &mut [f32],
        (dgamma, dbeta): (&mut [f32], &mut [f32]),
    ) {
        let count = x.len() as f32;
        let (mean, scale) = self.moments(x);
        for (((dx, &x), &dy), dgamma) in dx.iter_mut().zip(x).zip(dy).zip(dgamma) {
            *dx = (x - mean) * scale; // x̂ for now
            *dgamma += dy * *dx;
        }
        for (dbeta, &dy) in dbeta.iter_mut().zip(dy) {
            *dbeta += dy;
        }
        let mean_g = sum([gamma, dy], |[gamma, dy]| gamma * dy) / count;
        let mean_gx = sum([gamma, dy, dx], |[gamma, dy, x]| gamma * dy * x) / count;
        for ((dx, &gamma), &dy) in dx.iter_mut().zip(gamma).zip(dy) {
            *dx = scale * (gamma * dy - mean_g - *dx * mean_gx);
        }
    }
}
