//! The one clock of a run.
//!
//! The position in the data, the learning rate and the dropout masks are functions of the step, so
//! a checkpoint stores this number and no other cursor.

use serde::{Deserialize, Serialize};

/// The number of updates that lie behind: 0 before the first one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Step(pub u64);

impl Step {
    /// Before the first update.
    pub const START: Self = Self(0);

    /// After one more update.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
