//! The three products of a linear layer alone, as the layers compute them: for whoever measures what
//! an update spends beside them.

use crate::Precision;
use crate::cpu::matrix::{Matrix, Tile};
use crate::cpu::product::Product;
use crate::linear;

/// A linear layer's memory: `x` (N,I), `weight` (O,I) and `y` (N,O), filled with one value.
#[derive(Debug)]
pub struct LayerProducts {
    x: Vec<f32>,
    weight: Vec<f32>,
    y: Vec<f32>,
    inputs: usize,
    outputs: usize,
    precision: Precision,
}

impl LayerProducts {
    /// The memory of a layer from I `inputs` to O `outputs`, for N `rows`.
    #[must_use]
    pub fn new(rows: usize, inputs: usize, outputs: usize, precision: Precision) -> Self {
        let values = |len| vec![0.5; len];
        let (x, weight, y) =
            (values(rows * inputs), values(outputs * inputs), values(rows * outputs));
        Self { x, weight, y, inputs, outputs, precision }
    }

    /// `x Wᵀ`, then `dy W` and `dyᵀ x`, with `y` for `dy`: 6 N I O operations, into memory that is
    /// there already but for the first.
    pub fn multiply(&mut self) {
        let Self { x, weight, y, inputs, outputs, precision } = self;
        let weights = Matrix::new(weight, *inputs);
        drop(linear::product(Matrix::new(x, *inputs), weights, *precision));
        let dy = Matrix::new(y, *outputs);
        let mut dx = Tile::new(x, *inputs);
        Product::of(dy, weights, *precision).store(&mut dx);
        x.fill(0.5);
        let dw = Product::of(dy.transposed(), Matrix::new(x, *inputs), *precision);
        dw.store(&mut Tile::new(weight, *inputs));
        weight.fill(0.5);
    }
}
