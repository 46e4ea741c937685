//! The learning rate as a pure function of the step.
//!
//! All rates rise in a straight line during the warm-up, s / max(1, w), and then follow a
//! [`ScheduleShape`]. The formulas are those of Hugging Face transformers; with s the step, w the
//! warm-up and n the total, all in updates.

use std::f64::consts::PI;

use lockstep_world::Step;
use serde::{Serialize, Serializer};

use crate::Rates;

/// A moment after the warm-up, in updates.
#[derive(Clone, Copy, Debug)]
struct Moment {
    step: f64,
    warmup: f64,
    total: f64,
}

/// Makes each row a shape; the commands, their help and their completions read the table from it.
macro_rules! shapes {
    ($($shape:ident: $name:literal, $meaning:literal, $formula:literal, $factor:expr;)*) => {
        /// How the rates move once the warm-up is over.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ScheduleShape {
            $(
                #[doc = concat!($meaning, ": ", $formula, ".")]
                $shape,
            )*
        }

        impl ScheduleShape {
            /// All shapes, in the order in which they are listed.
            pub const ALL: &[Self] = &[$(Self::$shape),*];

            /// The name in configurations and checkpoints.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$shape => $name,)*
                }
            }

            /// What the rates do, in a few words.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$shape => $meaning,)*
                }
            }

            /// The rates' share of their peak.
            fn factor(self, at: Moment) -> f64 {
                let factor: fn(Moment) -> f64 = match self {
                    $(Self::$shape => $factor,)*
                };
                factor(at)
            }
        }
    };
}

shapes! {
    Linear: "linear", "down to 0 in a straight line",
        "(n - s) / max(1, n - w)", |at| (at.total - at.step).max(0.0) / at.decay();
    Constant: "constant", "no change, as constant_with_warmup of transformers",
        "1", |_| 1.0;
    Cosine: "cosine", "down to 0 along half a cosine",
        "(1 + cos(pi (s - w) / max(1, n - w))) / 2", cosine;
    InverseSqrt: "inverse_sqrt", "down as 1 / sqrt(updates), not to 0",
        "1 / sqrt((s - w + t) / t) with t = w, or 10000 without warm-up", inverse_sqrt;
}

fn cosine(at: Moment) -> f64 {
    let progress = (at.step - at.warmup) / at.decay();
    (0.5 * (1.0 + (PI * progress).cos())).max(0.0)
}

fn inverse_sqrt(at: Moment) -> f64 {
    let scale = if at.warmup > 0.0 { at.warmup } else { 10_000.0 };
    1.0 / ((at.step - at.warmup + scale) / scale).sqrt()
}

impl Moment {
    /// The updates after the warm-up, at least 1.
    fn decay(self) -> f64 {
        (self.total - self.warmup).max(1.0)
    }
}

impl Serialize for ScheduleShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
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
        let (moment, warmup) = (step as f64, self.warmup as f64);
        match step < self.warmup {
            true => moment / warmup.max(1.0),
            false => self.shape.factor(Moment { step: moment, warmup, total: self.total as f64 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `golden/schedules.py`: the warm-up, the total, a step and the factor there, of one schedule.
    fn golden(name: &str) -> Vec<[f64; 4]> {
        let rows = include_str!("../golden/schedules.tsv").lines();
        let rows = rows.map(|row| row.split('\t').collect::<Vec<_>>()).filter(|row| row[0] == name);
        rows.map(|row| std::array::from_fn(|column| row[column + 1].parse().unwrap())).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the table has whole numbers there")]
    fn whole(number: f64) -> u64 {
        number as u64
    }

    #[test]
    fn every_shape_follows_transformers() {
        let peak = Rates { encoder: 1.0, head: 10.0 };
        for shape in ScheduleShape::ALL.iter().copied() {
            let rows = golden(match shape.name() {
                "constant" => "constant_with_warmup",
                name => name,
            });
            assert!(rows.len() > 50, "{} golden values of {shape:?}", rows.len());
            for [warmup, total, step, factor] in rows {
                let [warmup, total, step] = [warmup, total, step].map(whole);
                let warmup = Warmup::Updates(warmup);
                let schedule = Schedule::new(shape, peak, warmup, total);
                let rates = schedule.rates(Step(step));
                // As exact as f64: nothing but the last bit may differ.
                let (encoder, head) = (rates.encoder - factor, rates.head - 10.0 * factor);
                let place = format!("{shape:?}, {warmup:?}, {total}, {step}: {rates:?}, {factor}");
                assert!(encoder.abs() < 3e-16 && head.abs() < 3e-15, "{place}");
            }
        }
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
