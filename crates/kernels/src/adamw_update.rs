//! The numbers of one AdamW update, for each way that makes it.

/// The numbers of one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWUpdate {
    /// How much of the first moment is kept, in [0, 1).
    pub beta1: f64,
    /// How much of the second moment is kept, in [0, 1).
    pub beta2: f64,
    /// Keeps the denominator above zero; added after the bias correction.
    pub epsilon: f64,
    /// The share of a weight that a rate of 1 would take away.
    pub weight_decay: f64,
    /// The learning rate of this update.
    pub rate: f64,
    /// The number of this update, counted from 1.
    pub step: u64,
    /// What the gradient is multiplied by when it is read.
    pub gradient_scale: f64,
}
