//! The backward pass of a block: the chain rule through the forward pass, last product first.
//!
//! What a step read is freed when the step is done. Gradients of weights go to the weights' sums.

use super::forward::Saved;
use super::residual::dropped;
use super::values::{FusedPlan, WeightValues};
use super::{Affine, BlockWeights, Rows, activation};
use crate::Precision;
use crate::attention::{Attention, Outcome};
use crate::cpu::columns;
use crate::cpu::matrix::{Matrix, Tile};
use crate::cpu::operands::Product;
use crate::cpu::vector::{Add, vectorised};
use crate::layer_norm::Gradients;

/// A backward pass.
pub(super) struct Backward<'a> {
    pub(super) weights: &'a WeightValues<'a>,
    pub(super) sums: &'a BlockWeights,
    pub(super) plan: &'a FusedPlan,
}

/// What the feed-forward half read.
struct FeedForward {
    inner: Vec<f32>, // (M,D)
    wide: Vec<f32>,  // (M,F)
    sum: Vec<f32>,   // (M,D)
}

/// What the attention half read.
struct Attended {
    query: Vec<f32>,  // (M,D)
    key: Vec<f32>,    // (N,D)
    value: Vec<f32>,  // (N,D)
    result: Vec<f32>, // (M,D)
    sum: Vec<f32>,    // (M,D)
}

impl Backward<'_> {
    /// The gradient of `x` (N,D), given that of the result (M,D).
    pub(super) fn run(&self, x: Matrix, saved: Saved, dy: &[f32]) -> candle_core::Result<Vec<f32>> {
        let Saved { asking, query, key, value, attended, attention_sum, inner, wide, .. } = saved;
        let half = FeedForward { inner, wide, sum: saved.feed_forward_sum };
        let dinner = self.feed_forward(half, dy)?; // (M,D)
        let asks = asking.as_ref().map_or(x, |rows| Matrix::new(rows, x.columns)); // (M,D)
        let half = Attended { query, key, value, result: attended, sum: attention_sum };
        self.attention(x, asks, half, &dinner)
    }

    /// From the gradient of the result to that of the first half's, both (M,D).
    fn feed_forward(&self, half: FeedForward, dy: &[f32]) -> candle_core::Result<Vec<f32>> {
        let FeedForward { inner, mut wide, sum } = half;
        let (weights, sums, precision) = (self.weights, self.sums, self.plan.block.precision);
        let d = weights.narrow.bias.len();
        let norm = &weights.feed_forward_norm;
        let mut dsum =
            sums.feed_forward_norm.add(self.plan.norm.backward(&sum, norm.scale(), dy))?;
        drop(sum);
        let dnarrow = dropped(&dsum, self.plan.block.dropout.as_ref(), d); // (M,D)
        let dnarrow_rows = Matrix::new(&dnarrow, d);
        let mut dwide = self.product(dnarrow_rows, weights.narrow.matrix()).values(); // (M,F)
        let dbias = activation::backward(&mut wide, &mut dwide, &weights.widen.bias);
        let active = Matrix::new(&wide, dbias.len()); // (M,F), what `wide` became
        sums.narrow.add_products(dnarrow_rows, active, precision)?;
        sums.narrow.bias.add_values(|| columns::sums(&dnarrow, d))?;
        drop((dnarrow, wide));
        let dwide_rows = Matrix::new(&dwide, dbias.len());
        sums.widen.add_products(dwide_rows, Matrix::new(&inner, d), precision)?;
        sums.widen.bias.add_values(|| dbias)?;
        self.product(dwide_rows, weights.widen.matrix()).add_to(&mut Tile::new(&mut dsum, d));
        Ok(dsum)
    }

    /// From the gradient of the first half's result (M,D) to that of the block's argument (N,D).
    fn attention(
        &self,
        x: Matrix,
        asks: Matrix,
        half: Attended,
        dinner: &[f32],
    ) -> candle_core::Result<Vec<f32>> {
        let Attended { query, key, value, result, sum } = half;
        let (weights, sums, d) = (self.weights, self.sums, x.columns);
        let precision = self.plan.block.precision;
        let norm = &weights.attention_norm;
        let dsum = sums.attention_norm.add(self.plan.norm.backward(&sum, norm.scale(), dinner))?;
        drop(sum);
        let result = Matrix::new(&result, d);
        let doutput = dropped(&dsum, self.plan.block.output_dropout.as_ref(), d); // (M,D)
        let doutput_rows = Matrix::new(&doutput, d);
        sums.output.add_products(doutput_rows, result, precision)?;
        sums.output.bias.add_values(|| columns::sums(&doutput, d))?;
        let dresult = self.product(doutput_rows, weights.output.matrix()).values(); // (M,D)
        drop(doutput);
        let qkv = [&query, &key, &value].map(|values| Matrix::new(values, d));
        let outcome = Outcome { y: result, dy: Matrix::new(&dresult, d) };
        let [dq, dk, dv] = Attention(&self.plan.attention).backward(qkv, outcome);
        drop((dresult, query, key, value));
        for (layer, read, gradients) in
            [(&sums.query, asks, &dq), (&sums.key, x, &dk), (&sums.value, x, &dv)]
        {
            layer.add_products(Matrix::new(gradients, d), read, precision)?;
            layer.bias.add_values(|| columns::sums(gradients, d))?;
        }
        Ok(self.argument(dsum, [&dq, &dk, &dv], d))
    }

    /// The gradient of the argument (N,D), from those of the residual and of q (M,D), k and v (N,D).
    fn argument(&self, residual: Vec<f32>, [dq, dk, dv]: [&[f32]; 3], d: usize) -> Vec<f32> {
        let weights = self.weights;
        let mut dasking = residual;
        let dq = self.product(Matrix::new(dq, d), weights.query.matrix());
        dq.add_to(&mut Tile::new(&mut dasking, d));
        let dk = self.product(Matrix::new(dk, d), weights.key.matrix());
        let dv = self.product(Matrix::new(dv, d), weights.value.matrix());
        match self.plan.block.rows {
            Rows::All => {
                let mut dx = dasking;
                dk.add_to(&mut Tile::new(&mut dx, d));
                dv.add_to(&mut Tile::new(&mut dx, d));
                dx
            }
            Rows::First => {
                let mut dx = dk.values();
                dv.add_to(&mut Tile::new(&mut dx, d));
                for (rows, first) in self.plan.block.segments.iter().zip(dasking.chunks_exact(d)) {
                    vectorised(Add(&mut dx[rows.start * d..][..d], first));
                }
                dx
            }
        }
    }

    fn product<'m>(&self, left: Matrix<'m>, right: Matrix<'m>) -> Product<'m> {
        Product::of(left, right, self.plan.block.precision)
    }
}

impl Affine {
    /// Adds `dyᵀ x` to the weight's gradient, for `dy` (M,O) and `x` (M,I).
    fn add_products(&self, dy: Matrix, x: Matrix, precision: Precision) -> candle_core::Result<()> {
        self.weight.add_product(Product::of(dy.transposed(), x, precision))
    }

    /// Adds the gradients of a layer norm's weights, and hands on that of its argument.
    fn add(&self, gradients: Gradients) -> candle_core::Result<Vec<f32>> {
        self.weight.add_values(|| gradients.dgamma)?;
        self.bias.add_values(|| gradients.dbeta)?;
        Ok(gradients.dx)
    }
}
