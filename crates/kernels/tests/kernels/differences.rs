//! The oracle's own gradients against central differences, in f64.

use candle_core::{DType, Device, Tensor};
use lockstep_kernels::{Rows, Weight};

use crate::operations::{Operation, gradients, noise};

/// Compares each gradient with `(f(x + h) - f(x - h)) / 2h`, whose own error is near 1e-9 here.
fn check(operation: &Operation) {
    let inputs = operation.values();
    let (_, gradients) = gradients(&operation.plain, &inputs, DType::F64).unwrap();
    for (i, gradient) in gradients.iter().enumerate() {
        let gradient = gradient.as_ref().unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        for (place, &got) in gradient.iter().enumerate() {
            let expected = difference(operation, &inputs, i, place);
            let name = &operation.name;
            let close = (got - expected).abs() <= 1e-7 * expected.abs().max(1.0);
            assert!(close, "{name}: input {i} at {place}: expected {expected}, got {got}");
        }
    }
}

fn difference(operation: &Operation, inputs: &[Tensor], moved: usize, place: usize) -> f64 {
    const STEP: f64 = 1e-5;
    let moved_by = |step: f64| {
        let mut inputs: Vec<_> = inputs.iter().map(|t| t.to_dtype(DType::F64).unwrap()).collect();
        let mut values = inputs[moved].flatten_all().unwrap().to_vec1::<f64>().unwrap();
        values[place] += step;
        inputs[moved] = Tensor::from_vec(values, inputs[moved].shape(), &Device::Cpu).unwrap();
        let inputs: Vec<_> = inputs.into_iter().map(Weight::new).collect();
        let y = (operation.plain)(&inputs).unwrap().flatten_all().unwrap();
        let dy = noise(y.elem_count(), 99);
        let y = y.to_vec1::<f64>().unwrap();
        y.iter().zip(dy).map(|(y, dy)| y * f64::from(dy)).sum::<f64>()
    };
    (moved_by(STEP) - moved_by(-STEP)) / (2.0 * STEP)
}

#[test]
fn gradients_are_differences() {
    let operations = [
        Operation::embedding(6, 3),
        Operation::linear(3, 4, 2),
        Operation::layer_norm(3, 5),
        Operation::gelu(4, 7),
        Operation::dropout(4, 5, 0.4),
        Operation::attention(&[(3, 3), (0, 0), (1, 4)], 2, 3, None),
        Operation::attention(&[(2, 5), (4, 4)], 3, 2, Some(0.3)),
        Operation::block(&[3, 1], (2, 2, 5), Rows::All, Some(0.3)),
        Operation::block(&[2, 3], (1, 3, 4), Rows::First, None),
        Operation::first_rows(&[2, 1, 3], 3),
        Operation::cross_entropy(4, 3),
        Operation::weighted_cross_entropy(4, 3),
    ];
    for operation in &operations {
        check(operation);
    }
}
