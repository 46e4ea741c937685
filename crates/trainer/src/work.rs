//! What updates cost, summed over some of them.

use serde::{Deserialize, Serialize};

use crate::UpdateReport;

/// What updates cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) seconds: f64,
    pub(crate) examples: usize,
    pub(crate) updates: u64,
}

impl Work {
    pub(crate) fn add(&mut self, report: &UpdateReport) {
        self.seconds += report.seconds;
        self.examples += report.examples;
        self.updates += 1;
    }
}
