//! How gradients become new weights: [`clip()`], [`Schedule`] and [`AdamW`].
//!
//! It knows parameters by name and their facts ([`lockstep_params::ParameterInfo`]), and nothing of
//! models, data or ranks. Its only state is the moments; the learning rate is a pure function of the step.

mod adamw;
mod clip;
mod rates;
mod schedule;

pub use adamw::{AdamW, AdamWSettings, DecayRule, OptimError};
pub use clip::{Clipped, clip};
pub use rates::Rates;
pub use schedule::{Schedule, ScheduleShape, Warmup};
