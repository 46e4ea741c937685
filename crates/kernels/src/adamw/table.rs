//! The update of a table, of which some rows have a gradient.

use rayon::prelude::*;

use super::{Block, Factors, LEN};
use crate::RowGradient;
use crate::cpu::vector::{Kernel, vectorised};

/// Updates weight, first and second moment, all (V,D), by the gradient of U of its rows.
pub(super) fn update(factors: Factors, gradient: &RowGradient, tables: [&mut [f32]; 3]) {
    let [weight, first, second] = tables;
    let width = gradient.shape().1.max(1);
    let height = (LEN / width).max(1);
    let len = height * width;
    let moments = first.par_chunks_mut(len).zip(second.par_chunks_mut(len));
    let chunks = weight.par_chunks_mut(len).zip(moments).enumerate();
    chunks.for_each(|(i, (weight, (first, second)))| {
        Part { factors, gradient, top: i * height, weight, first, second }.update();
    });
}

/// Some consecutive rows of a table.
struct Part<'a> {
    factors: Factors,
    gradient: &'a RowGradient,
    /// The number of the first row here.
    top: usize,
    weight: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Part<'_> {
    fn update(mut self) {
        let width = self.gradient.shape().1;
        let bottom = self.top + self.weight.len() / width;
        let read = self.gradient.rows();
        let place = |row| read.partition_point(|&read| (read as usize) < row);
        let (from, to) = (place(self.top), place(bottom));
        let sources = self.gradient.values()[from * width..to * width].chunks_exact(width);
        for (&row, gradient) in read[from..to].iter().zip(sources) {
            self.skip((row as usize - self.top) * width);
            let factors = self.factors;
            let [weight, first, second] = self.cut(width);
            vectorised(Block { factors, weight, gradient, first, second });
            self.top = row as usize + 1;
        }
        self.skip(self.weight.len());
    }

    /// Updates the next `len` values, which have no gradient.
    fn skip(&mut self, len: usize) {
        let factors = self.factors;
        let [weight, first, second] = self.cut(len);
        vectorised(Still { factors, weight, first, second });
    }

    /// Takes the next `len` values away.
    fn cut(&mut self, len: usize) -> [&mut [f32]; 3] {
        [&mut self.weight, &mut self.first, &mut self.second].map(|values| {
            let (cut, rest) = std::mem::take(values).split_at_mut(len);
            *values = rest;
            cut
        })
    }
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
