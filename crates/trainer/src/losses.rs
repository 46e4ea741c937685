//! Losses of updates, summed.

use serde::{Deserialize, Serialize};

/// A sum of losses and how many they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Losses {
    pub(crate) sum: f64,
    pub(crate) updates: u64,
}

impl Losses {
    pub(crate) fn mean(self) -> f64 {
        if self.updates == 0 { 0.0 } else { self.sum / self.updates as f64 }
    }

    pub(crate) fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.updates += 1;
    }
}
