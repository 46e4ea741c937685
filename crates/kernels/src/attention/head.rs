//! One head of one segment: forward and backward, a block of query rows after the other.
//!
//! A block's scores stay in the cache whatever the segment's length is.

use std::ops::Range;

use super::softmax::{DropOut, Kept, ScoreGradients, Softmax, stride};
use crate::cpu::matrix::{Matrix, Tile};
use crate::cpu::operands::{Product, Workers};
use crate::cpu::vector::vectorised;
use crate::mask::RowMask;
use crate::{Dropout, Precision};

/// Query rows of a block.
const ROWS: usize = 64;

/// What one head reads; C is its share D/H of the width.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    /// (queries, C)
    pub(super) q: Matrix<'a>,
    /// (keys, C)
    pub(super) k: Matrix<'a>,
    /// (keys, C)
    pub(super) v: Matrix<'a>,
    pub(super) mask: Option<HeadMask<'a>>,
}

/// Where the dropout of one head begins.
#[derive(Clone, Copy)]
pub(super) struct HeadMask<'a> {
    pub(super) dropout: &'a Dropout,
    /// The row of the first query among all rows.
    pub(super) first_row: usize,
    /// The element of the first key.
    pub(super) first_element: u32,
}

/// A result of attention and its gradient; of one head both are (queries, C).
#[derive(Clone, Copy)]
pub(crate) struct Outcome<'a> {
    pub(crate) y: Matrix<'a>,
    pub(crate) dy: Matrix<'a>,
}

/// What the backward of one head writes, in the shapes of q, k and v; zero at first.
pub(super) struct Gradients<'a> {
    pub(super) dq: Tile<'a>,
    pub(super) dk: Tile<'a>,
    pub(super) dv: Tile<'a>,
}

/// Memory that the heads of one thread share one after the other.
#[derive(Default)]
pub(super) struct Scratch {
    probabilities: Vec<f32>,
    gradients: Vec<f32>,
}

impl Head<'_> {
    /// `y = dropout(softmax(q kᵀ / √C)) v`.
    pub(super) fn forward(&self, y: &mut Tile, scratch: &mut Scratch) {
        for rows in blocks(self.q.rows) {
            let probabilities = self.probabilities(&rows, &mut scratch.probabilities);
            if let Some(mask) = self.mask {
                for (row, probabilities) in
                    rows.clone().zip(probabilities.chunks_exact_mut(self.stride()))
                {
                    vectorised(DropOut { probabilities, factor: mask.factor(row) });
                }
            }
            let probabilities = self.scores(probabilities);
            product(probabilities, self.v, 1.0).store(&mut y.part(&rows, &(0..self.v.columns)));
        }
    }

    /// The chain rule backwards through the same products.
    pub(super) fn backward(&self, outcome: Outcome, into: Gradients, scratch: &mut Scratch) {
        let Gradients { mut dq, mut dk, mut dv } = into;
        let columns = 0..self.q.columns;
        for rows in blocks(self.q.rows) {
            let dy = outcome.dy.part(&rows, &columns);
            let probabilities = self.probabilities(&rows, &mut scratch.probabilities);
            let gradients = self.block(&mut scratch.gradients, rows.len());
            let mut tile = Tile::new(gradients, self.stride());
            product(dy, self.v.transposed(), 1.0)
                .store(&mut tile.part(&(0..rows.len()), &(0..self.k.rows)));
            self.row_gradients(&rows, outcome, &mut *probabilities, &mut *gradients);
            let (probabilities, gradients) = (self.scores(probabilities), self.scores(gradients));
            product(probabilities.transposed(), dy, 1.0).add_to(&mut dv);
            product(gradients, self.k, self.scale()).store(&mut dq.part(&rows, &columns));
            let q = self.q.part(&rows, &columns);
            product(gradients.transposed(), q, self.scale()).add_to(&mut dk);
        }
    }

    /// `softmax(q kᵀ / √C)` for a block of query rows.
    fn probabilities<'s>(&self, rows: &Range<usize>, buffer: &'s mut Vec<f32>) -> &'s mut [f32] {
        let values = self.block(buffer, rows.len());
        let q = self.q.part(rows, &(0..self.q.columns));
        let mut tile = Tile::new(values, self.stride());
        product(q, self.k.transposed(), self.scale())
            .store(&mut tile.part(&(0..rows.len()), &(0..self.k.rows)));
        vectorised(Softmax { scores: &mut *values, keys: self.k.rows });
        values
    }

    /// Turns probabilities and the gradients of their dropped form into those of the scores.
    fn row_gradients(
        &self,
        rows: &Range<usize>,
        outcome: Outcome,
        probabilities: &mut [f32],
        gradients: &mut [f32],
    ) {
        let stride = self.stride();
        let pairs = probabilities.chunks_exact_mut(stride).zip(gradients.chunks_exact_mut(stride));
        for (row, (probabilities, gradients)) in rows.clone().zip(pairs) {
            let (y, dy) = (outcome.y.row(row), outcome.dy.row(row));
            if let Some(mask) = self.mask {
                vectorised(ScoreGradients {
                    y,
                    dy,
                    factor: mask.factor(row),
                    probabilities,
                    gradients,
                });
            } else {
                vectorised(ScoreGradients { y, dy, factor: Kept, probabilities, gradients });
            }
        }
    }

    fn scale(&self) -> f32 {
        1.0 / (self.q.columns as f32).sqrt()
    }

    fn stride(&self) -> usize {
        stride(self.k.rows)
    }

    /// Rows of scores with their padding.
    fn block<'s>(&self, buffer: &'s mut Vec<f32>, rows: usize) -> &'s mut [f32] {
        let len = rows * self.stride();
        if buffer.len() < len {
            buffer.resize(len, 0.0);
        }
        &mut buffer[..len]
    }

    /// Rows of scores without their padding, (rows, keys).
    fn scores<'s>(&self, values: &'s [f32]) -> Matrix<'s> {
        let matrix = Matrix::new(values, self.stride());
        matrix.part(&(0..matrix.rows), &(0..self.k.rows))
    }
}

impl HeadMask<'_> {
    /// The factors of one query's probabilities.
    fn factor(self, query: usize) -> (RowMask, u32) {
        (self.dropout.row(self.first_row + query), self.first_element)
    }
}

fn product<'a>(left: Matrix<'a>, right: Matrix<'a>, scale: f32) -> Product<'a> {
    Product { left, right, scale, workers: Workers::One, precision: Precision::F32 }
}

/// Ranges of at most [`ROWS`] that cover `0..rows`.
fn blocks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(ROWS).map(move |start| start..rows.min(start + ROWS))
}
