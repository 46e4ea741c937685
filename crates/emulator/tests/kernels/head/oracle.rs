//! The head and its gradients by plain loops in f64.

use candle_core::{Device, Tensor};

use super::runs::{Activation, Case, Inputs, Results};

/// erf by candle, which has it in f64.
fn erf(x: f64) -> f64 {
    Tensor::new(x, &Device::Cpu).unwrap().erf().unwrap().to_scalar().unwrap()
}

/// An activation and its derivative.
fn activate(u: f64, activation: Activation) -> (f64, f64) {
    if activation == Activation::Relu {
        return if u < 0.0 { (0.0, 0.0) } else { (u, 1.0) };
    }
    if activation == Activation::Tanh {
        return (u.tanh(), 1.0 - u.tanh().powi(2));
    }
    let below = 0.5 * (1.0 + erf(u * std::f64::consts::FRAC_1_SQRT_2));
    let density = (-0.5 * u * u).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (u * below, below + u * density)
}

/// The same by f64. Rows behind the last example are zeros.
pub(super) fn oracle(case: &Case, inputs: &Inputs) -> Results<f64> {
    let Case { batch, inner, classes, .. } = *case;
    let mut all = Results {
        active: vec![0.0; batch * inner],
        logits: vec![0.0; batch * classes],
        losses: vec![0.0; batch],
        dlogits: vec![0.0; batch * classes],
        dhidden: vec![0.0; batch * inner],
        dweight: vec![0.0; classes * inner],
        dbias: vec![0.0; classes],
    };
    let weight = |k: usize, i: usize| f64::from(inputs.weight2[k * inner + i]);
    for b in 0..case.examples {
        let u = |i| f64::from(inputs.hidden[b * inner + i]) + f64::from(inputs.bias1[i]);
        let factor = |i| f64::from(inputs.factors[b * inner + i]);
        let shapes: Vec<_> = (0..inner).map(|i| activate(u(i), case.activation)).collect();
        let active: Vec<f64> = (0..inner).map(|i| shapes[i].0 * factor(i)).collect();
        let dot = |k: usize| active.iter().enumerate().map(|(i, a)| a * weight(k, i)).sum::<f64>();
        let logits: Vec<f64> = (0..classes).map(|k| dot(k) + f64::from(inputs.bias2[k])).collect();
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        let label = inputs.labels[b] as usize;
        all.losses[b] = sum.ln() - logits[label];
        for (k, logit) in logits.iter().enumerate() {
            let gradient = logit.exp() / sum - if k == label { 1.0 } else { 0.0 };
            all.dlogits[b * classes + k] = gradient;
            all.dbias[k] += gradient;
            for i in 0..inner {
                all.dweight[k * inner + i] += gradient * active[i];
                all.dhidden[b * inner + i] += gradient * weight(k, i) * factor(i) * shapes[i].1;
            }
        }
        all.active[b * inner..][..inner].copy_from_slice(&active);
        all.logits[b * classes..][..classes].copy_from_slice(&logits);
    }
    all
}
