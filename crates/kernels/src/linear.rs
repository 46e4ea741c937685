//! The linear layer: `y = x Wᵀ + b`.
//!
//! Weights are stored (O,I) as PyTorch stores them; products read them and the activations in place,
//! with strides, and the bias is what the forward's product adds to.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use crate::cpu::blocks;
use crate::cpu::columns;
use crate::cpu::matrix::{Matrix, Tile};
use crate::cpu::product::{Product, Workers};
use crate::cpu::transpose;
use crate::cpu::values::{Reading, gradient, stored};
use crate::{cpu, plain, shapes};

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
        let outputs = bias.len();
        let x = Matrix::new(stored(x, x_layout)?, inputs); // (N,I)
        let weight = stored(weight, weight_layout)?; // (O,I)
        let mut y = blocks::filled(rows * outputs, outputs, |_, block| {
            block.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
        });
        let mut target = Tile::new(&mut y, outputs);
        if transpose::pays(inputs, rows) {
            let weight = transpose::transposed(weight, inputs); // (I,O)
            product(x, Matrix::new(&weight, outputs)).add_to(&mut target);
        } else {
            product(x, Matrix::new(weight, inputs).transposed()).add_to(&mut target);
        }
        Ok((CpuStorage::F32(y), (rows, outputs).into()))
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
        let dx = gradient(x, || computed(product(dy_matrix, w_matrix)))?;
        let dw = gradient(weight, || computed(product(dy_matrix.transposed(), x_matrix)))?;
        let db = gradient(bias, || columns::sums(&dy_values, bias.elem_count()))?;
        Ok((dx, dw, db))
    }
}

fn product<'a>(left: Matrix<'a>, right: Matrix<'a>) -> Product<'a> {
    Product { left, right, scale: 1.0, workers: Workers::All }
}

fn computed(product: Product) -> Vec<f32> {
    let (rows, columns) = (product.left.rows, product.right.columns);
    let mut values = blocks::zeros(rows * columns);
    product.store(&mut Tile::new(&mut values, columns));
    values
}
