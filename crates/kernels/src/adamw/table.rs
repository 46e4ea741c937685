//! The update of a table, of which some rows have a gradient.
//!
//! Rows that never had one have zeros for moments, and stay where weight decay leaves them: of
//! those, neither moment is read or written.

use candle_core::{Result, Var};
use rayon::prelude::*;

use super::{Block, Factors, LEN};
use crate::RowGradient;
use crate::cpu::values::Reading;
use crate::cpu::vector::{Kernel, vectorised};

/// Which rows of a table have had a gradient in some update.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenRows(Vec<bool>); // (V)

impl SeenRows {
    /// As the moments of a table tell, both (V,D): those of a row that was never seen are zeros.
    pub(super) fn of(first: &Var, second: &Var) -> Result<Self> {
        let width = first.dims2()?.1.max(1);
        let (first, second) = (Reading::of(first)?, Reading::of(second)?);
        let moments = first.par_chunks(width).zip(second.par_chunks(width));
        let is_seen = |(first, second): (&[f32], &[f32])| {
            first.iter().chain(second).any(|value| value.to_bits() != 0)
        };
        Ok(Self(moments.map(is_seen).collect()))
    }
}

/// Updates weight, first and second moment, all (V,D), by the gradient of U of its rows.
pub(super) fn update(
    factors: Factors,
    gradient: &RowGradient,
    seen: &mut SeenRows,
    tables: [&mut [f32]; 3],
) {
    let [weight, first, second] = tables;
    let width = gradient.shape().1.max(1);
    let height = (LEN / width).max(1);
    let len = height * width;
    let moments = first.par_chunks_mut(len).zip(second.par_chunks_mut(len));
    let chunks = weight.par_chunks_mut(len).zip(moments).zip(seen.0.par_chunks_mut(height));
    chunks.enumerate().for_each(|(i, ((weight, (first, second)), seen))| {
        Part { factors, gradient, top: i * height, seen, weight, first, second }.update();
    });
}

/// Some consecutive rows of a table.
struct Part<'a> {
    factors: Factors,
    gradient: &'a RowGradient,
    /// The number of the first row here.
    top: usize,
    seen: &'a mut [bool],
    weight: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Part<'_> {
    fn update(mut self) {
        let width = self.gradient.shape().1;
        let bottom = self.top + self.seen.len();
        let read = self.gradient.rows();
        let place = |row| read.partition_point(|&read| (read as usize) < row);
        let (from, to) = (place(self.top), place(bottom));
        let sources = self.gradient.values()[from * width..to * width].chunks_exact(width);
        for (&row, gradient) in read[from..to].iter().zip(sources) {
            self.skip_to(row as usize);
            let factors = self.factors;
            let TableRows { seen, weight, first, second } = self.cut(1);
            seen.fill(true);
            vectorised(Block { factors, weight, gradient, first, second });
        }
        self.skip_to(bottom);
    }

    /// Updates the rows before `row`, which have no gradient.
    fn skip_to(&mut self, row: usize) {
        let factors = self.factors;
        while self.top < row {
            let rows = &self.seen[..row - self.top];
            let alike = rows.iter().take_while(|&&seen| seen == rows[0]).count();
            match self.cut(alike) {
                TableRows { seen: [true, ..], weight, first, second } => {
                    vectorised(Still { factors, weight, first, second });
                }
                TableRows { weight, .. } => vectorised(Decay { factors, weight }),
            }
        }
    }

    /// Takes the next rows away.
    fn cut(&mut self, rows: usize) -> TableRows<'_> {
        let len = rows * self.gradient.shape().1;
        self.top += rows;
        TableRows {
            seen: cut(&mut self.seen, rows),
            weight: cut(&mut self.weight, len),
            first: cut(&mut self.first, len),
            second: cut(&mut self.second, len),
        }
    }
}

struct TableRows<'a> {
    seen: &'a mut [bool],
    weight: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

fn cut<'a, T>(values: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let (cut, rest) = std::mem::take(values).split_at_mut(len);
    *values = rest;
    cut
}

/// A range of weights whose gradient is zero.
struct Still<'a> {
    factors: Factors,
    weight: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Kernel for Still<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let moments = self.first.iter_mut().zip(self.second);
        for (w, (m, v)) in self.weight.iter_mut().zip(moments) {
            (*w, *m, *v) = self.factors.updated(*w, 0.0, *m, *v);
        }
    }
}

/// A range of weights whose gradient and moments are zero.
struct Decay<'a> {
    factors: Factors,
    weight: &'a mut [f32],
}

impl Kernel for Decay<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for w in self.weight {
            (*w, _, _) = self.factors.updated(*w, 0.0, 0.0, 0.0);
        }
    }
}
