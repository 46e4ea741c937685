//! Attention as one operation with a backward: every segment and head is a task of its own.
//!
//! Tasks write disjoint rectangles of the results, so threads do not change them. The backward
//! computes the probabilities again: that costs a fifth of its products and saves the memory of
//! all scores, which grows with the square of the length.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::head::{Gradients, Head, HeadMask, Outcome, Scratch};
use super::{AttentionPlan, first_element};
use crate::cpu::blocks;
use crate::cpu::matrix::{Matrix, Tile};
use crate::cpu::values::{Reading, gradient, stored};

/// [`super::attention()`] for checked arguments on the CPU in f32.
pub(super) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    plan: &AttentionPlan,
) -> Result<Tensor> {
    q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, Differentiable(plan.clone()))
}

struct Differentiable(AttentionPlan);

impl CustomOp3 for Differentiable {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = q_layout.shape().dims2()?.1;
        let q = Matrix::new(stored(q, q_layout)?, width); // (M,D)
        let k = Matrix::new(stored(k, k_layout)?, width); // (N,D)
        let v = Matrix::new(stored(v, v_layout)?, width); // (N,D)
        let y = Attention(&self.0).forward(q, k, v);
        Ok((CpuStorage::F32(y), q_layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let width = q.dim(1)?;
        let dy = dy.contiguous()?;
        let [q_values, k_values, v_values] = [Reading::of(q)?, Reading::of(k)?, Reading::of(v)?];
        let [y_values, dy_values] = [Reading::of(y)?, Reading::of(&dy)?];
        let [q_matrix, k_matrix, v_matrix] =
            [&q_values, &k_values, &v_values].map(|values| Matrix::new(values, width));
        let [y, dy] = [&y_values, &dy_values].map(|values| Matrix::new(values, width));
        let [dq, dk, dv] =
            Attention(&self.0).backward([q_matrix, k_matrix, v_matrix], Outcome { y, dy });
        Ok((gradient(q, || dq)?, gradient(k, || dk)?, gradient(v, || dv)?))
    }
}

/// Attention by this plan, over matrices that fit it.
pub(crate) struct Attention<'p>(pub(crate) &'p AttentionPlan);

impl Attention<'_> {
    /// For `q` (M,D), `k` (N,D) and `v` (N,D) the result, (M,D).
    pub(crate) fn forward(&self, q: Matrix, k: Matrix, v: Matrix) -> Vec<f32> {
        let mut y = blocks::zeros(q.rows * q.columns); // (M,D)
        let tiles = Tile::new(&mut y, q.columns).heads(&self.0.queries, self.0.heads);
        let tasks: Vec<_> = self.heads(q, k, v).zip(tiles).collect();
        tasks.into_par_iter().for_each_init(Scratch::default, |scratch, (head, mut y)| {
            head.forward(&mut y, scratch);
        });
        y
    }

    /// The gradients of `q` (M,D), `k` (N,D) and `v` (N,D), given the result and its own.
    pub(crate) fn backward(&self, [q, k, v]: [Matrix; 3], whole: Outcome) -> [Vec<f32>; 3] {
        let width = q.columns;
        let mut gradients = [q, k, v].map(|like| blocks::zeros(like.rows * width));
        let outcomes = self.outcomes(whole);
        let heads = self.heads(q, k, v).zip(outcomes);
        let tasks: Vec<_> = heads.zip(self.tiles(&mut gradients, width)).collect();
        tasks.into_par_iter().for_each_init(
            Scratch::default,
            |scratch, ((head, outcome), into)| {
                head.backward(outcome, into, scratch);
            },
        );
        gradients
    }

    /// Each head of each segment in turn; the tiles of [`Tile::heads`] come in the same order.
    fn heads<'a>(
        &'a self,
        q: Matrix<'a>,
        k: Matrix<'a>,
        v: Matrix<'a>,
    ) -> impl Iterator<Item = Head<'a>> {
        let AttentionPlan { queries, keys, heads, .. } = &self.0;
        queries.iter().zip(keys.iter()).flat_map(move |(queries, keys)| {
            (0..*heads).map(move |head| {
                let columns = self.columns(head, q.columns);
                Head {
                    q: q.part(&queries, &columns),
                    k: k.part(&keys, &columns),
                    v: v.part(&keys, &columns),
                    mask: self.mask(head, queries.start),
                }
            })
        })
    }

    fn outcomes<'a>(&'a self, whole: Outcome<'a>) -> impl Iterator<Item = Outcome<'a>> {
        let Outcome { y, dy } = whole;
        self.0.queries.iter().flat_map(move |rows| {
            (0..self.0.heads).map(move |head| {
                let columns = self.columns(head, y.columns);
                Outcome { y: y.part(&rows, &columns), dy: dy.part(&rows, &columns) }
            })
        })
    }

    fn tiles<'a>(
        &self,
        [dq, dk, dv]: &'a mut [Vec<f32>; 3],
        width: usize,
    ) -> impl Iterator<Item = Gradients<'a>> {
        let AttentionPlan { queries, keys, heads, .. } = &self.0;
        let tiles = |values: &'a mut Vec<f32>, segments| {
            Tile::new(values, width).heads(segments, *heads).into_iter()
        };
        let pairs = tiles(dk, keys).zip(tiles(dv, keys));
        tiles(dq, queries).zip(pairs).map(|(dq, (dk, dv))| Gradients { dq, dk, dv })
    }

    fn columns(&self, head: usize, width: usize) -> Range<usize> {
        let columns = width / self.0.heads;
        head * columns..(head + 1) * columns
    }

    fn mask(&self, head: usize, first_row: usize) -> Option<HeadMask<'_>> {
        let dropout = self.0.dropout.as_ref()?;
        Some(HeadMask { dropout, first_row, first_element: first_element(head) })
    }
}
