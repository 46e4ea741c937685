//! The forward pass of a block.

use super::residual::ResidualNorm;
use super::values::{AffineValues, FusedPlan, WeightValues};
use super::{Rows, activation};
use crate::attention::Attention;
use crate::cpu::matrix::Matrix;
use crate::{Dropout, linear};

/// A forward pass.
pub(super) struct Forward<'a> {
    pub(super) weights: &'a WeightValues<'a>,
    pub(super) plan: &'a FusedPlan,
}

/// What the backward pass reads beside the block's argument.
pub(super) struct Saved {
    /// The rows that ask, (M,D), where they are not all rows of the argument.
    pub(super) asking: Option<Vec<f32>>,
    pub(super) query: Vec<f32>, // (M,D)
    pub(super) key: Vec<f32>,   // (N,D)
    pub(super) value: Vec<f32>, // (N,D)
    /// The attention's result, (M,D).
    pub(super) attended: Vec<f32>,
    /// The first residual sum, (M,D).
    pub(super) attention_sum: Vec<f32>,
    /// That sum normalised, (M,D).
    pub(super) inner: Vec<f32>,
    /// Before the bias and the activation, (M,F).
    pub(super) wide: Vec<f32>,
    /// The second residual sum, (M,D).
    pub(super) feed_forward_sum: Vec<f32>,
}

impl Forward<'_> {
    /// The states behind the block, (N,D) to (M,D), and what the backward pass wants of them.
    pub(super) fn run(&self, x: Matrix) -> (Vec<f32>, Saved) {
        let (weights, block) = (self.weights, &self.plan.block);
        let precision = block.precision;
        let asking = self.asking(x);
        let asks = asking.as_ref().map_or(x, |rows| Matrix::new(rows, x.columns)); // (M,D)
        let [query, key, value] = [(asks, &weights.query), (x, &weights.key), (x, &weights.value)]
            .map(|(x, layer)| linear::forward(x, layer.matrix(), &layer.bias, precision));
        let [q, k, v] = [&query, &key, &value].map(|values| Matrix::new(values, x.columns));
        let attended = Attention(&self.plan.attention).forward(q, k, v); // (M,D)
        let attended_rows = Matrix::new(&attended, x.columns);
        let mut attention_sum = linear::product(attended_rows, weights.output.matrix(), precision); // (M,D)
        let inner = self
            .residual(&weights.output, &weights.attention_norm, block.output_dropout.as_ref())
            .forward(&mut attention_sum, asks.values()); // (M,D)
        let inner_rows = Matrix::new(&inner, x.columns);
        let wide = linear::product(inner_rows, weights.widen.matrix(), precision); // (M,F)
        let active = activation::forward(&wide, &weights.widen.bias); // (M,F)
        let active = Matrix::new(&active, weights.widen.bias.len());
        let mut feed_forward_sum = linear::product(active, weights.narrow.matrix(), precision); // (M,D)
        let y = self
            .residual(&weights.narrow, &weights.feed_forward_norm, block.dropout.as_ref())
            .forward(&mut feed_forward_sum, &inner); // (M,D)
        let saved = Saved {
            asking,
            query,
            key,
            value,
            attended,
            attention_sum,
            inner,
            wide,
            feed_forward_sum,
        };
        (y, saved)
    }

    /// The rows of `x` that ask, where they are not all.
    fn asking(&self, x: Matrix) -> Option<Vec<f32>> {
        match self.plan.block.rows {
            Rows::All => None,
            Rows::First => {
                let starts = self.plan.block.segments.iter().map(|rows| rows.start);
                Some(starts.flat_map(|row| x.row(row)).copied().collect())
            }
        }
    }

    fn residual<'s>(
        &'s self,
        layer: &'s AffineValues,
        norm: &'s AffineValues,
        dropout: Option<&'s Dropout>,
    ) -> ResidualNorm<'s> {
        ResidualNorm {
            bias: &layer.bias,
            dropout,
            norm: self.plan.norm,
            gamma: norm.scale(),
            beta: &norm.bias,
        }
    }
}
