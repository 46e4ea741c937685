//! The activation between the feed-forward layers, `gelu(u + bias)`, with the bias added on the way.

use rayon::prelude::*;

use crate::cpu::blocks::filled;
use crate::cpu::columns::in_order;
use crate::cpu::vector::{Kernel, vectorised};
use crate::gelu::value_and_slope;

/// Rows of a block of the backward: many enough that adding up the blocks' sums costs little.
const ROWS: usize = 32;

/// `gelu(u + bias)` for `u` (M,F) and `bias` (F); the result is (M,F).
pub(super) fn forward(u: &[f32], bias: &[f32]) -> Vec<f32> {
    filled(u.len(), bias.len(), |start, y| vectorised(Values { u: &u[start..], bias, y }))
}

/// The backward: turns `u` (M,F) into the activation's result and its gradient `slopes` (M,F) into
/// that of `u`; returns that of `bias` (F).
pub(super) fn backward(u: &mut [f32], slopes: &mut [f32], bias: &[f32]) -> Vec<f32> {
    let width = bias.len();
    let blocks = u.par_chunks_mut(ROWS * width).zip(slopes.par_chunks_mut(ROWS * width));
    let parts: Vec<_> = blocks
        .map(|(u, slopes)| {
            let mut dbias = vec![0.0; width];
            vectorised(Slopes { u, slopes, bias, dbias: &mut dbias });
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
                *y = value_and_slope(u + bias).0;
            }
        }
    }
}

struct Slopes<'a> {
    u: &'a mut [f32],
    slopes: &'a mut [f32],
    bias: &'a [f32],
    dbias: &'a mut [f32],
}

impl Kernel for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.bias.len();
        let rows = self.u.chunks_exact_mut(width).zip(self.slopes.chunks_exact_mut(width));
        for (u, slopes) in rows {
            let constants = self.bias.iter().zip(&mut *self.dbias);
            for ((u, slope), (&bias, dbias)) in u.iter_mut().zip(slopes).zip(constants) {
                let (value, steepness) = value_and_slope(*u + bias);
                *slope *= steepness;
                *dbias += *slope;
                *u = value;
            }
        }
    }
}
