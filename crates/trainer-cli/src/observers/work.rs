//! What updates did, and how fast.

use lockstep_program::Card;
use lockstep_trainer::UpdateReport;

/// What the ranks compute on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cards {
    /// The card of each rank, where its rate is known.
    pub(crate) card: Option<Card>,
    /// How many there are, one a rank.
    pub(crate) count: usize,
}

/// What some updates did, and how long they took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Work {
    pub(super) updates: u64,
    /// Updates that changed nothing, since their loss or gradient is not finite.
    pub(super) skipped: u64,
    /// Summed over the updates that were not skipped.
    loss: f64,
    pub(super) examples: usize,
    pub(super) tokens: usize,
    pub(super) seconds: f64,
    /// 10^12 floating-point operations, where the engine counts them.
    tflop: Option<f64>,
}

impl Work {
    pub(super) fn add(&mut self, report: &UpdateReport) {
        self.updates += 1;
        match report.skipped {
            true => self.skipped += 1,
            false => self.loss += report.loss,
        }
        self.examples += report.examples;
        self.tokens += report.tokens;
        self.seconds += report.seconds;
        if let Some(rate) = report.tflops {
            *self.tflop.get_or_insert(0.0) += rate * report.seconds;
        }
    }

    /// The mean loss of the updates that were not skipped; NaN where all were.
    pub(super) fn mean_loss(&self) -> f64 {
        self.loss / self.updates.saturating_sub(self.skipped) as f64
    }

    /// 10^12 floating-point operations a second.
    pub(super) fn tflops(&self) -> Option<f64> {
        self.tflop.map(|tflop| tflop / self.seconds.max(1e-9))
    }

    /// The percentage of what the cards' datasheet promises, where both are known.
    pub(super) fn mfu(&self, Cards { card, count }: Cards) -> Option<f64> {
        Some(self.tflops()? / (count as f64 * card?.dense_bf16 / 1e12) * 100.0)
    }

    pub(super) fn per_second(&self, count: usize) -> f64 {
        count as f64 / self.seconds.max(1e-9)
    }

    /// How fast the updates were, where the engine counts operations; MFU is the share of what the
    /// cards' datasheet promises.
    pub(super) fn speed(&self, Cards { card, count }: Cards) -> Option<String> {
        let rate = self.tflops()?;
        let share =
            card.zip(self.mfu(Cards { card, count })).map_or_else(String::new, |(card, share)| {
                let dense = card.dense_bf16 / 1e12;
                format!(", MFU {share:.1} % of {dense:.0} TFLOP/s in bf16 on each {}", card.name)
            });
        Some(format!("{rate:.1} TFLOP/s performed{share}"))
    }
}
