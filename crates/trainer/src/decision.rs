//! From a model's logits to probabilities and an answer.

use std::borrow::Cow;

/// How logits become probabilities, and probabilities an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// What logits are divided by before their softmax, after Guo et al., "On calibration of modern neural
    /// networks" (2017); 1 leaves them as they are.
    pub temperature: f64,
    /// Of two classes, the probability of the second one from which on it is the answer. Without it the
    /// most probable class is.
    pub threshold: Option<f64>,
}

impl Default for Decision {
    fn default() -> Self {
        Self { temperature: 1.0, threshold: None }
    }
}

impl Decision {
    /// The logits divided by the temperature, (K) -> (K).
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
    pub fn scaled(self, logits: &[f32]) -> Cow<'_, [f32]> {
        if self.temperature == 1.0 {
            return logits.into();
        }
        let scaled = |logit: &f32| (f64::from(*logit) / self.temperature) as f32;
        logits.iter().map(scaled).collect()
    }

    /// The probabilities of all classes, (K) -> (K).
    #[must_use]
    pub fn probabilities(self, logits: &[f32]) -> Vec<f64> {
        softmax(&self.scaled(logits))
    }

    /// The class that is the answer where the classes have these probabilities, (K); the first of equals.
    #[must_use]
    pub fn class(self, probabilities: &[f64]) -> usize {
        if let (Some(threshold), [_, second]) = (self.threshold, probabilities) {
            return usize::from(*second >= threshold);
        }
        best(probabilities)
    }
}

/// The class with the highest value, the first of equals.
pub(crate) fn best<T: PartialOrd>(values: &[T]) -> usize {
    let higher =
        |best: usize, class: usize| if values[class] > values[best] { class } else { best };
    (0..values.len()).fold(0, higher)
}

/// exp(s_k) / sum_j exp(s_j), shifted by the maximum against overflow, (K) -> (K).
fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let power = |logit: &f32| (f64::from(*logit) - f64::from(highest)).exp();
    let powers: Vec<f64> = logits.iter().map(power).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_divides_and_the_threshold_decides() {
        let check = |decision: Decision, logits: &[f32], class: usize, expected: f64| {
            let probabilities = decision.probabilities(logits);
            assert_eq!(decision.class(&probabilities), class, "{logits:?}");
            assert!((probabilities[class] - expected).abs() < 1e-9, "{probabilities:?}");
        };
        let plain = Decision::default();
        check(plain, &[0.0, 1.0], 1, 0.731_058_578_630_004_9);
        check(plain, &[3.0, 3.0, 1.0], 0, 0.468_310_530_833_481_2);
        check(plain, &[1000.0, -1000.0], 0, 1.0);
        check(Decision { temperature: 2.0, ..plain }, &[0.0, 1.0], 1, 0.622_459_331_201_854_6);
        let strict = Decision { threshold: Some(0.8), ..plain };
        check(strict, &[0.0, 1.0], 0, 1.0 - 0.731_058_578_630_004_9);
        check(strict, &[0.0, 2.0], 1, 0.880_797_077_977_882_3);
        check(
            Decision { threshold: Some(0.0), ..plain },
            &[9.0, -9.0],
            1,
            1.522_997_951_276_035_2e-8,
        );
        // Of three classes there is no second one to decide by.
        check(strict, &[0.0, 0.0, 0.1], 2, 0.355_913_071_548_812_96);
    }
}
