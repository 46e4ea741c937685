//! The three products of a linear layer alone, as the layers compute them: for benchmarks of what
//! an update spends beside them.

use crate::Precision;
use crate::cpu::matrix::{Matrix, Tile};
use crate::cpu::operands::Product;
use crate::linear;

/// A linear layer's memory: `x` (N,I), `weight` (O,I) and `y` (N,O), and the gradients of the first
/// two; all have one value at first.
#[derive(Debug)]
pub struct LayerProducts {
    x: Vec<f32>,
    weight: Vec<f32>,
    y: Vec<f32>,
    dx: Vec<f32>,
    dw: Vec<f32>,
    inputs: usize,
    outputs: usize,
    precision: Precision,
}

impl LayerProducts {
    /// The memory of a layer from I `inputs` to O `outputs`, for N `rows`.
    #[must_use]
    pub fn new(rows: usize, inputs: usize, outputs: usize, precision: Precision) -> Self {
        let values = |len| vec![0.5; len];
        let [x, dx] = [values(rows * inputs), values(rows * inputs)];
        let [weight, dw] = [values(outputs * inputs), values(outputs * inputs)];
        Self { x, weight, y: values(rows * outputs), dx, dw, inputs, outputs, precision }
    }

    /// `x Wᵀ`, then `dy W` and `dyᵀ x`, with `y` for `dy`: 6 N I O operations.
    pub fn multiply(&mut self) {
        let Self { inputs, outputs, precision, .. } = *self;
        let (x, weight) = (Matrix::new(&self.x, inputs), Matrix::new(&self.weight, inputs));
        drop(linear::product(x, weight, precision));
        let dy = Matrix::new(&self.y, outputs);
        Product::of(dy, weight, precision).store(&mut Tile::new(&mut self.dx, inputs));
        let dw = Product::of(dy.transposed(), x, precision);
        dw.store(&mut Tile::new(&mut self.dw, inputs));
    }
}
