//! The learning rates of an update, one for each group of parameters.

use lockstep_params::Group;
use serde::Serialize;

/// One learning rate a group.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// The pre-trained part's.
    pub encoder: f64,
    /// The classifier's.
    pub head: f64,
}

impl Rates {
    /// The rate of one group.
    #[must_use]
    pub fn of(self, group: Group) -> f64 {
        match group {
            Group::Encoder => self.encoder,
            Group::Head => self.head,
        }
    }

    /// Both rates times `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { encoder: self.encoder * factor, head: self.head * factor }
    }
}
