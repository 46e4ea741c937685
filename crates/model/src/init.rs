//! How fresh weights start: a function of the seed and the tensor's name, nothing else.

use candle_core::{Device, Tensor};
use lockstep_world::{Fingerprint, Purpose, Seed};

/// The distribution of a fresh tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// Normal around 0.
    Normal {
        /// Its standard deviation.
        deviation: f64,
    },
    /// Uniform within +- the bound.
    Uniform {
        /// The largest absolute value.
        bound: f64,
    },
    /// Uniform within +- sqrt(6 / (inputs + outputs)), after Glorot and Bengio, "Understanding the
    /// difficulty of training deep feedforward neural networks" (2010).
    XavierUniform,
}

impl Start {
    /// A fresh tensor. `name` keeps tensors of the same shape apart.
    pub(crate) fn tensor(
        self,
        name: &str,
        shape: &[usize],
        seed: Seed,
    ) -> candle_core::Result<Tensor> {
        let seed = seed.derive(Purpose::Initialisation, Fingerprint::of_bytes(name.as_bytes()));
        let value = |index: u64| match self {
            Self::Zeros => 0.0,
            Self::Ones => 1.0,
            Self::Normal { deviation } => deviation * normal(seed, index),
            Self::Uniform { bound } => uniform(seed, index, bound),
            Self::XavierUniform => {
                uniform(seed, index, (6.0 / shape.iter().sum::<usize>() as f64).sqrt())
            }
        };
        let count: usize = shape.iter().product();
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let values: Vec<f32> = (0..count as u64).map(|index| value(index) as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu)
    }
}

fn uniform(seed: Seed, index: u64, bound: f64) -> f64 {
    bound * (2.0 * seed.uniform(index) - 1.0)
}

/// Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958).
fn normal(seed: Seed, index: u64) -> f64 {
    // 1 - u lies in (0, 1], where the logarithm is finite.
    let radius = (-2.0 * (1.0 - seed.uniform(2 * index)).ln()).sqrt();
    radius * (std::f64::consts::TAU * seed.uniform(2 * index + 1)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(start: Start, shape: [usize; 2], deviation: f64, bound: f64) {
        let tensor = start.tensor("w", &shape, Seed(1)).unwrap();
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let count = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 0.03 * deviation, "{start:?}: mean {mean}");
        assert!((variance.sqrt() / deviation - 1.0).abs() < 0.02, "{start:?}: {}", variance.sqrt());
        assert!(values.iter().all(|&v| f64::from(v).abs() <= bound), "{start:?}");
    }

    #[test]
    fn moments_are_those_of_the_distribution() {
        check(Start::Normal { deviation: 0.02 }, [200, 300], 0.02, 0.02 * 8.0);
        check(Start::Uniform { bound: 0.5 }, [200, 300], 0.5 / 3_f64.sqrt(), 0.5);
        let bound = (6.0_f64 / 500.0).sqrt();
        check(Start::XavierUniform, [200, 300], bound / 3_f64.sqrt(), bound);
    }

    #[test]
    fn the_name_and_the_seed_decide() {
        let values = |name, seed| {
            let start = Start::Uniform { bound: 1.0 };
            start.tensor(name, &[4], Seed(seed)).unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(values("a", 1), values("a", 1));
        assert_ne!(values("a", 1), values("b", 1));
        assert_ne!(values("a", 1), values("a", 2));
    }
}
