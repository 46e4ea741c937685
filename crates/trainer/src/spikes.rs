//! Whether a loss lies far above the usual ones: something that a user wants to see, and that changes
//! nothing.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The updates that say what is usual.
const RECENT: usize = 64;
/// With fewer, nothing is usual.
const FEWEST: usize = 32;
/// A spike is this many standard deviations above the median, and this often the highest recent loss.
const DEVIATIONS: f64 = 8.0;
const ABOVE_HIGHEST: f64 = 1.5;
/// The standard deviation of a normal distribution over the median of the absolute deviations.
const OVER_MEDIAN: f64 = 1.4826;

/// The losses of the last updates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecentLosses {
    losses: VecDeque<f64>,
    /// Updates left in which no other spike is reported.
    quiet: usize,
}

impl RecentLosses {
    /// Takes note of a loss; the median of those before it where it is a spike. A loss that is below
    /// the one of guessing, ln K of K classes, is none: late in a run one text in a batch makes it a
    /// hundred times the usual.
    pub(crate) fn note(&mut self, loss: f64, classes: usize) -> Option<f64> {
        let is_high = loss > (classes as f64).ln();
        let usual = self.usual().filter(|usual| is_high && self.is_above(*usual, loss));
        self.losses.push_back(loss);
        self.losses.drain(..self.losses.len().saturating_sub(RECENT));
        let is_quiet = self.quiet > 0;
        self.quiet = self.quiet.saturating_sub(1);
        let spike = usual.filter(|_| !is_quiet)?;
        self.quiet = RECENT;
        Some(spike)
    }

    fn usual(&self) -> Option<f64> {
        (self.losses.len() >= FEWEST).then(|| median(self.losses.iter().copied()))
    }

    fn is_above(&self, usual: f64, loss: f64) -> bool {
        let spread = median(self.losses.iter().map(|other| (other - usual).abs()));
        let highest = self.losses.iter().copied().fold(0.0, f64::max);
        loss > ABOVE_HIGHEST * highest && loss > usual + DEVIATIONS * OVER_MEDIAN * spread
    }
}

/// The upper one of an even number.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where spikes are found among the losses.
    fn spikes(losses: impl IntoIterator<Item = f64>) -> Vec<(usize, f64)> {
        let mut recent = RecentLosses::default();
        let numbered = losses.into_iter().enumerate();
        numbered.filter_map(|(at, loss)| Some((at, recent.note(loss, 2)?))).collect()
    }

    /// A loss that falls from 0.7, with noise.
    fn falling(updates: usize) -> impl Iterator<Item = f64> {
        let noise = |at: usize| (at * 7919 % 101) as f64 / 101.0 - 0.5;
        (0..updates).map(move |at| 0.7 * (-(at as f64) / 150.0).exp() * (1.0 + 0.4 * noise(at)))
    }

    #[test]
    fn a_loss_far_above_the_usual_is_a_spike_and_reported_once_in_a_while() {
        let with = |places: &[(usize, f64)]| {
            let mut losses: Vec<f64> = falling(400).collect();
            places.iter().for_each(|(at, loss)| losses[*at] = *loss);
            spikes(losses).into_iter().map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(with(&[]), [0; 0]);
        assert_eq!(with(&[(100, 2.5)]), [100]);
        assert_eq!(with(&[(100, 2.5), (101, 9.0), (140, 30.0), (300, 3.0)]), [100, 300]);
        // Before anything is usual, and where a batch is only as bad as a guess.
        assert_eq!(with(&[(20, 5.0)]), [0; 0]);
        assert_eq!(with(&[(390, 0.68)]), [0; 0]);
    }

    #[test]
    fn the_usual_loss_is_the_median() {
        let losses = (0..40).map(|_| 0.5).chain([3.0]);
        assert_eq!(spikes(losses), [(40, 0.5)]);
    }

    #[test]
    fn a_loss_that_stays_high_is_usual_soon() {
        let losses = falling(100).chain((0..500).map(|at| 4.0 + 0.1 * f64::from(at % 5)));
        assert_eq!(spikes(losses).len(), 1);
    }
}
