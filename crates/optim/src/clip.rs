//! Clipping at the global norm.

use lockstep_params::GlobalGradients;

/// Gradients whose global norm is at most the limit.
#[derive(Debug)]
pub struct Clipped {
    /// The gradients to apply.
    pub gradients: GlobalGradients,
    /// Their global norm before clipping.
    pub norm: f64,
}

/// Scales all gradients by `min(1, max_norm / (norm + 1e-6))`.
///
/// The formula, its small constant included, is that of `torch.nn.utils.clip_grad_norm_`; the norm
/// is summed in f64 here and in f32 there.
#[must_use]
pub fn clip(gradients: GlobalGradients, max_norm: f64) -> Clipped {
    let norm = gradients.norm();
    let scale = (max_norm / (norm + 1e-6)).min(1.0);
    Clipped { gradients: gradients.scaled(scale), norm }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};
    use lockstep_params::{GradientLayout, LocalGradients, ParameterInfo, Parameters};

    fn check(values: [f32; 2], max_norm: f64, expected_scale: f64) {
        let mut parameters = Parameters::default();
        let start = Tensor::new(&values, &Device::Cpu).unwrap();
        parameters.insert("w".into(), &start, ParameterInfo::new(GradientLayout::Vector)).unwrap();
        let w = parameters.weight(&"w".into()).unwrap().value();
        // The gradient of half the square of w is w.
        let loss = (w.sqr().unwrap().sum_all().unwrap() * 0.5).unwrap();
        parameters.add_gradients(loss.backward().unwrap()).unwrap();
        let local = LocalGradients::take(&parameters).unwrap();
        let global = local.alone(1).unwrap();
        let clipped = clip(global, max_norm);
        let (_, factor) = clipped.gradients.get(&"w".into()).unwrap();
        let kept = clipped.gradients.norm();
        assert!((kept - 5.0 * expected_scale).abs() < 1e-6, "{kept}");
        assert!((clipped.norm - 5.0).abs() < 1e-6, "{}", clipped.norm);
        assert!((factor - expected_scale).abs() < 1e-7, "{factor}");
    }

    #[test]
    fn only_a_norm_above_the_limit_is_scaled() {
        check([3.0, 4.0], 10.0, 1.0);
        check([3.0, 4.0], 1.0, 1.0 / (5.0 + 1e-6));
        check([3.0, 4.0], 0.5, 0.5 / (5.0 + 1e-6));
    }
}
