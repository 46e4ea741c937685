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
        x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, LayerNorm::new(eps))
    } else {
        plain::layer_norm(x, gamma, beta, eps)
    }
}

/// Layer normalisation on the CPU in f32.
#[derive(Clone, Copy)]
pub(crate) struct LayerNorm {
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
        Ok((CpuStorage::F32(self.forward(x, gamma, beta)), layout.shape().clone()))
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
        let Gradients { dx, dgamma, dbeta } = self.backward(&x_values, &gamma_values, &dy_values);
        let (dgamma, dbeta) = (gradient(gamma, || dgamma)?, gradient(beta, || dbeta)?);
        Ok((gradient(x, || dx)?, dgamma, dbeta))
    }
}

/// The gradients of a layer norm's arguments.
pub(crate) struct Gradients {
    /// (N,D)
    pub(crate) dx: Vec<f32>,
    /// (D)
    pub(crate) dgamma: Vec<f32>,
    /// (D)
    pub(crate) dbeta: Vec<f32>,
}

impl LayerNorm {
    /// A norm that keeps its divisor above zero by `eps`.
    #[expect(clippy::cast_possible_truncation, reason = "the kernel computes in f32")]
    pub(crate) fn new(eps: f64) -> Self {
        Self { eps: eps as f32 }
    }

    /// The normalised rows of `x` (N,D), scaled by `gamma` (D) and shifted by `beta` (D).
    fn forward(self, x: &[f32], gamma: &[f32], beta: &[f32]) -> Vec<f32> {
        filled(x.len(), gamma.len(), |start, y| {
            vectorised(ForwardRows { norm: self, x: &x[start..], gamma, beta, y });
        })
    }

    /// All gradients, given `x` (N,D), `gamma` (D) and the gradient of the result (N,D).
    pub(crate) fn backward(self, x: &[f32], gamma: &[f32], dy: &[f32]) -> Gradients {
        let width = gamma.len();
        let (dx, parts) = filled_with(x.len(), width, |start, dx| {
            let (x, dy) = (&x[start..], &dy[start..]);
            let mut parts = (vec![0.0; width], vec![0.0; width]);
            let (dgamma_part, dbeta_part) = (&mut *parts.0, &mut *parts.1);
            vectorised(BackwardRows { norm: self, x, dy, gamma, dx, dgamma_part, dbeta_part });
            parts
        });
        let (dgamma, dbeta): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Gradients { dx, dgamma: in_order(&dgamma, width), dbeta: in_order(&dbeta, width) }
    }

    /// Writes a normalised row.
    #[inline(always)]
    pub(crate) fn normalise(self, x: &[f32], gamma: &[f32], beta: &[f32], y: &mut [f32]) {
        let (mean, scale) = self.moments(x);
        let constants = gamma.iter().zip(beta);
        for ((y, &x), (&gamma, &beta)) in y.iter_mut().zip(x).zip(constants) {
            *y = (x - mean) * scale * gamma + beta;
        }
    }

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
struct ForwardRows<'a> {
    norm: LayerNorm,
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for ForwardRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.gamma.len();
        for (y, x) in self.y.chunks_exact_mut(width).zip(self.x.chunks_exact(width)) {
            self.norm.normalise(x, self.gamma, self.beta, y);
        }
    }
}

/// The backward of some rows.
struct BackwardRows<'a> {
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

impl Kernel for BackwardRows<'_> {
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
