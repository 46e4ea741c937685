//! The activation between the feed-forward layers, `gelu(u + bias)`, with the bias added on the way.

use rayon::prelude::*;

use crate::cpu::blocks::filled;
use crate::cpu::columns::in_order;
use crate::cpu::vector::{Kernel, vectorised};
use crate::gelu::value_and_derivative;

/// Rows of a block of the backward: many enough that adding up the blocks' sums costs little.
const ROWS: usize = 32;

/// `gelu(u + bias)` for `u` (M,F) and `bias` (F); the result is (M,F).
pub(super) fn forward(u: &[f32], bias: &[f32]) -> Vec<f32> {
    filled(u.len(), bias.len(), |start, y| vectorised(Values { u: &u[start..], bias, y }))
}

/// The backward: turns `u` (M,F) into the activation's result and its gradient `gradients` (M,F) into
/// that of `u`; returns that of `bias` (F).
pub(super) fn backward(u: &mut [f32], gradients: &mut [f32], bias: &[f32]) -> Vec<f32> {
    let width = bias.len();
    let blocks = u.par_chunks_mut(ROWS * width).zip(gradients.par_chunks_mut(ROWS * width));
    let parts: Vec<_> = blocks
        .map(|(u, gradients)| {
            let mut dbias = vec![0.0; width];
            vectorised(Gradients { u, gradients, bias, dbias: &mut dbias });
            dbias
        })
        .collect();
    in_order(&parts, width)
}

struct Values<'a> {
    u: &'a [f32],
    bias: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.bias.len();
        for (y, u) in self.y.chunks_exact_mut(width).zip(self.u.chunks_exact(width)) {
            for ((y, &u), &bias) in y.iter_mut().zip(u).zip(self.bias) {
                *y = value_and_derivative(u + bias).0;
            }
        }
    }
}

struct Gradients<'a> {
    u: &'a mut [f32],
    gradients: &'a mut [f32],
    bias: &'a [f32],
    dbias: &'a mut [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.bias.len();
        let rows = self.u.chunks_exact_mut(width).zip(self.gradients.chunks_exact_mut(width));
        for (u, gradients) in rows {
            let constants = self.bias.iter().zip(&mut *self.dbias);
            for ((u, gradient), (&bias, dbias)) in u.iter_mut().zip(gradients).zip(constants) {
                let (value, derivative) = value_and_derivative(*u + bias);
                *gradient *= derivative;
                *dbias += *gradient;
                *u = value;
            }
        }
    }
}
