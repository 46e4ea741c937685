//! How gradients become new weights: [`clip()`], [`Schedule`] and [`AdamW`].
//!
//! It knows parameters by name and group, and nothing of models, data or ranks. Its only state is
//! the moments; the learning rate is a pure function of the step.

mod adamw;
mod clip;
mod group;
mod schedule;

pub use adamw::{AdamW, AdamWSettings, DecayRule, OptimError};
pub use clip::{Clipped, clip};
pub use group::{Group, Rates};
pub use schedule::{Schedule, ScheduleShape, Warmup};
