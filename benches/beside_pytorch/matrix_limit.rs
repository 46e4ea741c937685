//! The matrix products of an update alone: the limit that everything else is measured against.
//!
//! They run through the `gemm` crate as the kernels run it, into memory that is there already.

use std::time::Instant;

use gemm::Parallelism;

use crate::products::Layers;

/// Buffers for the products of some layers.
pub(crate) struct MatrixLimit {
    layers: Vec<Layers>,
    input: Vec<f32>,
    weight: Vec<f32>,
    output: Vec<f32>,
}

/// A matrix's rows, columns, and the distances to the next row and column.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    columns: usize,
    strides: [isize; 2],
}

impl Shape {
    fn new(rows: usize, columns: usize) -> Self {
        Self { rows, columns, strides: [columns.cast_signed(), 1] }
    }

    fn transposed(self) -> Self {
        let Self { rows, columns, strides: [row, column] } = self;
        Self { rows: columns, columns: rows, strides: [column, row] }
    }
}

impl MatrixLimit {
    pub(crate) fn new(layers: Vec<Layers>) -> Self {
        let most = |size: fn(&Layers) -> usize| layers.iter().map(size).max().unwrap_or(0);
        let input = vec![0.5; most(|layer| layer.rows * layer.inputs)];
        let weight = vec![0.5; most(|layer| layer.inputs * layer.outputs)];
        let output = vec![0.5; most(|layer| layer.rows * layer.outputs)];
        Self { layers, input, weight, output }
    }

    /// Operations of an update in these layers.
    pub(crate) fn operations(&self) -> f64 {
        self.layers.iter().map(|layer| layer.operations()).sum()
    }

    /// How long an update's products take: each size runs once and counts as often as it occurs.
    pub(crate) fn seconds(&mut self) -> f64 {
        let mut seconds = 0.0;
        for Layers { rows, inputs, outputs, count } in self.layers.clone() {
            let (x, w) = (Shape::new(rows, inputs), Shape::new(outputs, inputs));
            let y = Shape::new(rows, outputs);
            let Self { input, weight, output, .. } = self;
            let began = Instant::now();
            product((output, y), (input, x), (weight, w.transposed()));
            product((input, x), (output, y), (weight, w));
            product((weight, w), (output, y.transposed()), (input, x));
            seconds += began.elapsed().as_secs_f64() * count as f64;
            // Products of products would grow without end.
            [input, weight, output].into_iter().for_each(|values| values.fill(0.5));
        }
        seconds
    }
}

/// `target = left · right`.
fn product(target: (&mut [f32], Shape), left: (&[f32], Shape), right: (&[f32], Shape)) {
    let ((target, to), (left, a), (right, b)) = (target, left, right);
    assert_eq!((to.rows, to.columns, a.columns), (a.rows, b.columns, b.rows));
    for (len, shape) in [(target.len(), to), (left.len(), a), (right.len(), b)] {
        assert!(shape.rows * shape.columns <= len, "a matrix is larger than its memory");
    }
    let ([row, column], [a_row, a_column], [b_row, b_column]) = (to.strides, a.strides, b.strides);
    // SAFETY: each matrix is dense and no larger than its slice, the sizes fit each other, and the
    // target is borrowed exclusively.
    #[expect(unsafe_code, reason = "gemm takes addresses and strides")]
    unsafe {
        gemm::gemm(
            to.rows,
            to.columns,
            a.columns,
            target.as_mut_ptr(),
            column,
            row,
            false,
            left.as_ptr(),
            a_column,
            a_row,
            right.as_ptr(),
            b_column,
            b_row,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}
