//! What the workers are asked and answer: one JSON value a line, request and answer in turn.
//!
//! `benches/pytorch/peer.py` speaks the same; its head lists the forms.

use std::ops::{Add, Div};

use serde::{Deserialize, Serialize};

/// What a worker is asked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// One update of the weights, with dropout.
    Update { batch: usize },
    /// One forward pass without gradient.
    Infer { batch: usize },
    /// Forward passes over all texts, in batches of the worker's own choice.
    Pass,
    /// The mean loss of a batch without dropout.
    Loss { batch: usize },
    /// The peak memory so far.
    Memory,
}

/// What a worker answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// Everything is loaded; what the worker is.
    Ready(String),
    /// It cannot work in this setting, and why.
    Refused(String),
    Update(Phases),
    Seconds(f64),
    Loss(f64),
    Bytes(u64),
}

/// Where the seconds of an update went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Phases {
    /// From token ids to what the model takes.
    pub(crate) input: f64,
    /// To the value of the loss.
    pub(crate) forward: f64,
    pub(crate) backward: f64,
    /// Norm and scale of the gradients.
    pub(crate) clip: f64,
    /// The optimiser, and what it takes to be ready for the next update.
    pub(crate) update: f64,
}

impl Phases {
    pub(crate) const NAMES: [&'static str; 5] = ["input", "forward", "backward", "clip", "update"];

    pub(crate) fn forward_only(seconds: f64) -> Self {
        Self { forward: seconds, ..Self::default() }
    }

    pub(crate) fn values(self) -> [f64; 5] {
        [self.input, self.forward, self.backward, self.clip, self.update]
    }

    pub(crate) fn of_values([input, forward, backward, clip, update]: [f64; 5]) -> Self {
        Self { input, forward, backward, clip, update }
    }

    pub(crate) fn seconds(self) -> f64 {
        self.values().iter().sum()
    }
}

impl Add for Phases {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (mine, theirs) = (self.values(), other.values());
        Self::of_values(std::array::from_fn(|i| mine[i] + theirs[i]))
    }
}

impl Div<f64> for Phases {
    type Output = Self;

    fn div(self, divisor: f64) -> Self {
        Self::of_values(self.values().map(|value| value / divisor))
    }
}
