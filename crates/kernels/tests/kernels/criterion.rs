//! The loss against PyTorch's `CrossEntropyLoss(weight=, label_smoothing=)`; `criterion.py` made the
//! numbers.

use candle_core::{Device, Tensor, Var};
use lockstep_kernels::{Criterion, plain, summed_cross_entropy};
use lockstep_testkit::golden_criterion;

type Loss = fn(&Tensor, &[u32], &Criterion) -> candle_core::Result<Tensor>;

/// Loss and gradient are those of PyTorch in f64, but for the rounding to f32.
#[test]
fn mean_loss_and_gradient_equal_pytorchs() {
    let ways: [(&str, Loss); 2] =
        [("fused", summed_cross_entropy), ("plain", plain::summed_cross_entropy)];
    for case in golden_criterion().iter().filter(|case| !case.logits.is_empty()) {
        let criterion = Criterion::new(case.weights.clone(), case.smoothing);
        let weight: f64 = case.labels.iter().map(|&label| criterion.weight(label as usize)).sum();
        for (name, loss) in ways {
            let logits = Var::new(case.logits.clone(), &Device::Cpu).unwrap();
            let sum = loss(&logits, &case.labels, &criterion).unwrap();
            let gradients = sum.backward().unwrap();
            let gradient = gradients.get(&logits).unwrap().flatten_all().unwrap();
            let found = f64::from(sum.to_scalar::<f32>().unwrap()) / weight;
            let off = (found - case.loss).abs() / case.loss;
            assert!(off < 1e-6, "{name}, {criterion:?}: loss {found}, not {}", case.loss);
            let largest =
                case.gradient.iter().fold(0.0, |most: f64, gradient| most.max(gradient.abs()));
            for (found, expected) in gradient.to_vec1::<f32>().unwrap().iter().zip(&case.gradient) {
                let off = (f64::from(*found) / weight - expected).abs() / largest;
                assert!(off < 1e-6, "{name}, {criterion:?}: gradient {found}, not {expected}");
            }
        }
    }
}
