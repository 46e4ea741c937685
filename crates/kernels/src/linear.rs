//! The linear layer: `y = x Wᵀ + b`.
//!
//! Weights are stored (O,I) as PyTorch stores them; products read them and the activations in place,
//! with strides, and the bias is what the forward's product adds to.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use crate::cpu::blocks;
use crate::cpu::columns;
use crate::cpu::matrix::{Matrix, Tile};
use crate::cpu::operands::Product;
use crate::cpu::transpose;
use crate::cpu::values::{Reading, gradient, stored};
use crate::{Precision, cpu, plain, shapes};

/// `y = x Wᵀ + b` for `x` (N,I), `weight` (O,I) and `bias` (O); the result is (N,O).
///
/// # Errors
/// When the shapes do not fit each other.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (_, inputs) = shapes::matrix("linear", "x", x)?;
    let (outputs, columns) = shapes::matrix("linear", "weight", weight)?;
    shapes::equal("linear", "the columns of x and of weight", inputs, columns)?;
    shapes::vector("linear", "bias", bias, outputs)?;
    if cpu::takes(&[x, weight, bias]) {
        x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Linear)
    } else {
        plain::linear(x, weight, bias)
    }
}

struct Linear;

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = x_layout.shape().dims2()?;
        let bias = stored(bias, bias_layout)?; // (O)
        let x = Matrix::new(stored(x, x_layout)?, inputs); // (N,I)
        let weight = Matrix::new(stored(weight, weight_layout)?, inputs); // (O,I)
        let y = forward(x, weight, bias, Precision::F32);
        Ok((CpuStorage::F32(y), (rows, bias.len()).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let (x_values, w_values, dy_values) =
            (Reading::of(x)?, Reading::of(weight)?, Reading::of(&dy)?);
        let inputs = x.dim(1)?;
        let x_matrix = Matrix::new(&x_values, inputs); // (N,I)
        let w_matrix = Matrix::new(&w_values, inputs); // (O,I)
        let dy_matrix = Matrix::new(&dy_values, bias.elem_count()); // (N,O)
        let dx = gradient(x, || Product::of(dy_matrix, w_matrix, Precision::F32).values())?;
        let dw = gradient(weight, || {
            Product::of(dy_matrix.transposed(), x_matrix, Precision::F32).values()
        })?;
        let db = gradient(bias, || columns::sums(&dy_values, bias.elem_count()))?;
        Ok((dx, dw, db))
    }
}

/// `x Wᵀ + b` for `x` (N,I), `weight` (O,I) and `bias` (O); the result is (N,O).
pub(crate) fn forward(x: Matrix, weight: Matrix, bias: &[f32], precision: Precision) -> Vec<f32> {
    let outputs = bias.len();
    let mut y = blocks::filled(x.rows * outputs, outputs, |_, block| {
        block.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
    });
    with_weight(weight, x.rows, precision, |weight| {
        Product::of(x, weight, precision).add_to(&mut Tile::new(&mut y, outputs));
    });
    y
}

/// `x Wᵀ` for `x` (N,I) and `weight` (O,I); the result is (N,O).
pub(crate) fn product(x: Matrix, weight: Matrix, precision: Precision) -> Vec<f32> {
    with_weight(weight, x.rows, precision, |weight| Product::of(x, weight, precision).values())
}

/// Shows the transposed `weight` (I,O) to `work`, in the layout that suits a product with `rows`.
fn with_weight<R>(
    weight: Matrix,
    rows: usize,
    precision: Precision,
    work: impl FnOnce(Matrix) -> R,
) -> R {
    if matches!(precision, Precision::F32) && transpose::pays(weight.columns, rows) {
        let copy = transpose::transposed(weight);
        work(Matrix::new(&copy, weight.rows))
    } else {
        work(weight.transposed())
    }
}
