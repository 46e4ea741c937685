//! Layer norm, dropout and GELU in f64, written as the formula.

#![expect(clippy::cast_possible_truncation, reason = "sizes of tests are small; halves of keys")]

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::values::Case;

/// The factors of the rows' elements: the hash of crates/kernels/src/mask.rs.
pub(crate) fn factors(case: &Case) -> Vec<f64> {
    let (threshold, scale) = (case.threshold(), f64::from(case.scale()));
    let factor = |key: u64, element: u32| {
        let mut x = element ^ key as u32;
        x = (x ^ (x >> 17)).wrapping_mul(0xED5A_D4BB);
        x = (x ^ (x >> 11)).wrapping_add((key >> 32) as u32).wrapping_mul(0xAC4C_1B51);
        x = (x ^ (x >> 15)).wrapping_mul(0x3184_8BAB);
        if (x ^ (x >> 14)) >= threshold { scale } else { 0.0 }
    };
    let row = |key| (0..case.width as u32).map(move |element| factor(key, element));
    case.keys().into_iter().take(case.real).flat_map(row).collect()
}

/// The layer norm of rows of `gamma.len()` values.
pub(crate) struct Norm {
    pub(crate) gamma: Vec<f64>,
    pub(crate) beta: Vec<f64>,
    pub(crate) eps: f64,
}

/// The gradients of a norm.
pub(crate) struct NormGradients {
    pub(crate) dx: Vec<f64>,
    pub(crate) dgamma: Vec<f64>,
    pub(crate) dbeta: Vec<f64>,
}

impl Norm {
    pub(crate) fn forward(&self, x: &[f64]) -> Vec<f64> {
        let constants = || self.gamma.iter().zip(&self.beta);
        let rows = x.chunks_exact(self.gamma.len()).map(|row| self.normal(row).0);
        rows.flat_map(|row| {
            row.iter()
                .zip(constants())
                .map(|(x, (gamma, beta))| x * gamma + beta)
                .collect::<Vec<_>>()
        })
        .collect()
    }

    pub(crate) fn backward(&self, x: &[f64], dy: &[f64]) -> NormGradients {
        let width = self.gamma.len();
        let (mut dx, mut dgamma) = (Vec::new(), vec![0.0; width]);
        for (row, dy) in x.chunks_exact(width).zip(dy.chunks_exact(width)) {
            let (normal, scale) = self.normal(row);
            let g: Vec<f64> = dy.iter().zip(&self.gamma).map(|(dy, gamma)| dy * gamma).collect();
            let mean_g = mean(g.iter().copied());
            let mean_gx = mean(g.iter().zip(&normal).map(|(g, x)| g * x));
            dx.extend(g.iter().zip(&normal).map(|(g, x)| scale * (g - mean_g - x * mean_gx)));
            for (sum, (dy, x)) in dgamma.iter_mut().zip(dy.iter().zip(&normal)) {
                *sum += dy * x;
            }
        }
        NormGradients { dx, dgamma, dbeta: column_sums(dy, width) }
    }

    /// A row with mean 0 and variance 1, and what brought its variance there.
    fn normal(&self, row: &[f64]) -> (Vec<f64>, f64) {
        let middle = mean(row.iter().copied());
        let variance = mean(row.iter().map(|x| (x - middle) * (x - middle)));
        let scale = 1.0 / (variance + self.eps).sqrt();
        (row.iter().map(|x| (x - middle) * scale).collect(), scale)
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// The sums of the columns of `x`.
pub(crate) fn column_sums(x: &[f64], width: usize) -> Vec<f64> {
    let column = |c| x.iter().skip(c).step_by(width).sum();
    (0..width).map(column).collect()
}

/// The element-wise product.
pub(crate) fn times(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x * y).collect()
}

/// The sum of products.
pub(crate) fn dot(x: &[f64], y: &[f64]) -> f64 {
    times(x, y).iter().sum()
}

pub(crate) fn gelu(x: f64) -> f64 {
    x * normal_share(x)
}

pub(crate) fn gelu_derivative(x: f64) -> f64 {
    normal_share(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// The normal distribution.
fn normal_share(x: f64) -> f64 {
    0.5 * (1.0 + erf(x * FRAC_1_SQRT_2))
}

/// Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, 7.1.6: terms of one sign.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum(); // but for 2e-17
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..300 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}
