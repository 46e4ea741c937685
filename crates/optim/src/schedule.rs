//! The learning rate as a pure function of the step.
//!
//! The three shapes and their formulas are those of `get_linear_schedule_with_warmup`,
//! `get_cosine_schedule_with_warmup` and `get_constant_schedule_with_warmup` in Hugging Face
//! transformers; with s the step, w the warm-up and n the total, all in updates:
//!
//! ```text
//! s < w       s / max(1, w)
//! linear      max(0, (n - s) / max(1, n - w))
//! cosine      max(0, (1 + cos(pi (s - w) / max(1, n - w))) / 2)
//! constant    1
//! ```

use lockstep_world::Step;
use serde::Serialize;

use crate::Rates;

/// How the rates move once the warm-up is over. The serde names are those in checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ScheduleShape {
    /// Down to 0 in a straight line.
    #[serde(rename = "linear")]
    Linear,
    /// Down to 0 along half a cosine.
    #[serde(rename = "cosine")]
    Cosine,
    /// They stay.
    #[serde(rename = "constant")]
    Constant,
}

/// How long the rates rise from 0 in a straight line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warmup {
    /// A share of all updates, rounded down.
    Ratio(f64),
    /// A number of updates.
    Updates(u64),
}

impl Warmup {
    /// The warm-up in updates.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounding down is what the recipe does; a ratio is not negative"
    )]
    pub fn updates(self, total: u64) -> u64 {
        match self {
            Self::Ratio(ratio) => (total as f64 * ratio) as u64,
            Self::Updates(updates) => updates,
        }
    }
}

/// The rates of a whole run.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    shape: ScheduleShape,
    peak: Rates,
    warmup: u64,
    total: u64,
}

impl Schedule {
    /// The schedule of a run of `total` updates over all ranks.
    #[must_use]
    pub fn new(shape: ScheduleShape, peak: Rates, warmup: Warmup, total: u64) -> Self {
        Self { shape, peak, warmup: warmup.updates(total), total }
    }

    /// The rates of the update after `step`.
    #[must_use]
    pub fn rates(&self, step: Step) -> Rates {
        self.peak.scaled(self.factor(step.0))
    }

    fn factor(&self, step: u64) -> f64 {
        if step < self.warmup {
            return step as f64 / self.warmup.max(1) as f64;
        }
        let decay = self.total.saturating_sub(self.warmup).max(1) as f64;
        match self.shape {
            ScheduleShape::Linear => self.total.saturating_sub(step) as f64 / decay,
            ScheduleShape::Constant => 1.0,
            ScheduleShape::Cosine => {
                let progress = (step - self.warmup) as f64 / decay;
                (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: ScheduleShape, expected: [f64; 11]) {
        let peak = Rates { encoder: 1.0, head: 10.0 };
        let schedule = Schedule::new(shape, peak, Warmup::Ratio(0.25), 10);
        for (step, expected) in (0..).zip(expected) {
            let rates = schedule.rates(Step(step));
            assert!((rates.encoder - expected).abs() < 1e-12, "{shape:?} {step}: {rates:?}");
            assert!((rates.head - 10.0 * expected).abs() < 1e-11, "{shape:?} {step}: {rates:?}");
        }
    }

    #[test]
    fn the_shapes_follow_their_formulas() {
        // Two updates of warm-up: a quarter of ten, rounded down.
        check(
            ScheduleShape::Linear,
            [0.0, 0.5, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0],
        );
        check(ScheduleShape::Constant, [0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        let cosine = |eighths: f64| 0.5 * (1.0 + (std::f64::consts::PI * eighths / 8.0).cos());
        let tail: [f64; 9] = std::array::from_fn(|i| cosine(i as f64));
        let mut all = [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        all[2..].copy_from_slice(&tail);
        check(ScheduleShape::Cosine, all);
    }

    #[test]
    fn without_warm_up_the_first_rate_is_the_peak() {
        let peak = Rates { encoder: 2e-5, head: 1e-4 };
        let schedule = Schedule::new(ScheduleShape::Linear, peak, Warmup::Updates(0), 4);
        assert_eq!(schedule.rates(Step(0)), peak);
    }

    #[test]
    fn a_tenth_of_an_odd_total_rounds_down() {
        assert_eq!(Warmup::Ratio(0.1).updates(1299), 129);
        assert_eq!(Warmup::Ratio(0.1).updates(9), 0);
    }
}
