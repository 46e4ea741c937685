//! What the loss of an example is made of: how much each class counts, and how far targets are smoothed.
//!
//! As PyTorch's `CrossEntropyLoss(weight=w, label_smoothing=e)`: the target of an example of class y
//! is `(1 - e) w[y]` at y and `e w[k] / K` besides at each class k, and the loss is
//! `- Σ_k target[k] log softmax(logits)[k]`. The mean over examples divides by the sum of their
//! classes' weights ([`Criterion::weight`]), not by their number.

use std::sync::Arc;

/// A cross-entropy with weights of classes and smoothed targets. The default is the plain one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Criterion {
    /// (K); empty where each is 1.
    weights: Arc<[f64]>,
    smoothing: f64,
}

impl Criterion {
    /// The loss in which class k counts `weights[k]` (K), or each class 1 where there are none, and
    /// the share `smoothing` of each target is spread over all classes.
    #[must_use]
    pub fn new(weights: Vec<f64>, smoothing: f64) -> Self {
        Self { weights: weights.into(), smoothing }
    }

    /// Whether it is cross-entropy without weights and without smoothing.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.smoothing == 0.0 && self.weights.iter().all(|weight| *weight == 1.0)
    }

    /// The weights of the classes (K); empty where each is 1.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The share of each target that is spread over all classes.
    #[must_use]
    pub fn smoothing(&self) -> f64 {
        self.smoothing
    }

    /// How much an example of `class` counts in a mean.
    #[must_use]
    pub fn weight(&self, class: usize) -> f64 {
        self.weights.get(class).copied().unwrap_or(1.0)
    }

    /// The loss of an example of class `label` with these logits (K).
    #[must_use]
    pub fn loss(&self, logits: &[f32], label: usize) -> f64 {
        let (top, normaliser) = log_of_sum(logits);
        let log = normaliser.ln() + top;
        let distance = |logit: f32| log - f64::from(logit);
        let hit = logits.get(label).map_or(f64::NAN, |logit| distance(*logit));
        let hit = (1.0 - self.smoothing) * self.weight(label) * hit;
        if self.smoothing == 0.0 {
            return hit;
        }
        let all = logits.iter().enumerate().map(|(k, logit)| self.weight(k) * distance(*logit));
        hit + self.smoothing / logits.len() as f64 * all.sum::<f64>()
    }

    /// The gradient of [`Self::loss`] with respect to the logits, (K).
    pub(crate) fn gradient(&self, logits: &[f32], label: usize) -> impl Iterator<Item = f64> {
        let (top, normaliser) = log_of_sum(logits);
        let total: f64 = match self.smoothing {
            0.0 => self.weight(label),
            _ => self.targets(label, logits.len()).sum(),
        };
        let share = move |logit: f32| (f64::from(logit) - top).exp() / normaliser;
        let targets = self.targets(label, logits.len());
        logits.iter().zip(targets).map(move |(&logit, target)| total * share(logit) - target)
    }

    /// The target of each of `classes` for an example of class `label`.
    pub(crate) fn targets(&self, label: usize, classes: usize) -> impl Iterator<Item = f64> {
        let spread = self.smoothing / classes as f64;
        (0..classes).map(move |class| {
            let hit =
                if class == label { (1.0 - self.smoothing) * self.weight(class) } else { 0.0 };
            hit + spread * self.weight(class)
        })
    }
}

/// The largest logit and the sum of the exponentials of their distances to it.
fn log_of_sum(row: &[f32]) -> (f64, f64) {
    let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    (top, row.iter().map(|&logit| (f64::from(logit) - top).exp()).sum())
}
