//! How sure a classifier is, and how often it is right then.
//!
//! All sums are whole numbers, so that they are the same at any number of ranks.

use serde::{Deserialize, Serialize};

/// Bins of equal width, from a probability of 0 to 1.
const BINS: usize = 10;
/// Mistakes that are kept.
const KEPT: usize = 20;
/// A probability of 1.
const ONE: f64 = 4_294_967_296.0;

/// The examples whose found class has a probability in one tenth of 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// How many there are.
    pub examples: u64,
    /// Those whose class was found.
    pub correct: u64,
    /// The mean probability of the found class.
    pub confidence: f64,
}

/// An example that was given a wrong class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfidentMistake {
    /// Its number in the split, from 0.
    pub example: u64,
    /// Its class.
    pub label: u64,
    /// The class that was found.
    pub found: u64,
    /// The probability of the class that was found.
    pub confidence: f64,
}

/// The expected calibration error, after Naeini et al., "Obtaining well calibrated probabilities using
/// Bayesian binning" (2015): the mean over the examples of how far the confidence of their bin is from
/// its accuracy.
#[must_use]
pub fn calibration_error(bins: &[ReliabilityBin]) -> f64 {
    let all: u64 = bins.iter().map(|bin| bin.examples).sum();
    let gap =
        |bin: &ReliabilityBin| (bin.confidence * bin.examples as f64 - bin.correct as f64).abs();
    bins.iter().filter(|bin| bin.examples > 0).map(gap).sum::<f64>() / (all.max(1)) as f64
}

/// What a model answered to an example.
pub(crate) struct Answer {
    pub(crate) example: u64,
    pub(crate) label: u64,
    pub(crate) found: u64,
    /// The probability of the class that was found.
    pub(crate) confidence: f64,
}

/// The bins and the surest mistakes of some examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sureness {
    bins: [Bin; BINS],
    /// The surest first; of equally sure ones, the first in the split.
    mistakes: Vec<ConfidentMistake>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bin {
    examples: u64,
    correct: u64,
    /// The sum of the probabilities, in units of 2^-32.
    confidence: u64,
}

impl Sureness {
    /// The numbers that [`Self::words`] gives.
    pub(crate) const WORDS: usize = 3 * BINS + 4 * KEPT;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a probability; a float saturates, and NaN is 0"
    )]
    pub(crate) fn count(&mut self, answer: &Answer) {
        let Answer { example, label, found, confidence } = *answer;
        let bin = &mut self.bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.examples += 1;
        bin.correct += u64::from(found == label);
        bin.confidence += (confidence * ONE) as u64;
        if found != label && confidence.is_finite() {
            self.keep(ConfidentMistake { example, label, found, confidence });
        }
    }

    fn keep(&mut self, new: ConfidentMistake) {
        let is_before = |old: &ConfidentMistake| {
            let by_confidence = new.confidence.total_cmp(&old.confidence);
            by_confidence.then(old.example.cmp(&new.example)).is_lt()
        };
        let place = self.mistakes.partition_point(is_before);
        if place < KEPT {
            self.mistakes.insert(place, new);
            self.mistakes.truncate(KEPT);
        }
    }

    /// All of it as numbers that ranks exchange.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> {
        let bins = self.bins.iter().flat_map(|bin| [bin.examples, bin.correct, bin.confidence]);
        // A mistake whose two classes are the same is none.
        let none = [0; 4];
        let mistakes = (0..KEPT).flat_map(move |place| {
            self.mistakes.get(place).map_or(none, |mistake| {
                let ConfidentMistake { example, label, found, confidence } = *mistake;
                [example, label, found, confidence.to_bits()]
            })
        });
        bins.chain(mistakes)
    }

    /// Adds the [`Self::words`] of a rank.
    pub(crate) fn add(&mut self, words: &[u64]) {
        let (bins, mistakes) = words.split_at(3 * BINS);
        for (bin, words) in self.bins.iter_mut().zip(bins.chunks_exact(3)) {
            bin.examples += words[0];
            bin.correct += words[1];
            bin.confidence += words[2];
        }
        for words in mistakes.chunks_exact(4) {
            let [example, label, found] = [words[0], words[1], words[2]];
            if label != found {
                let confidence = f64::from_bits(words[3]);
                self.keep(ConfidentMistake { example, label, found, confidence });
            }
        }
    }

    pub(crate) fn reliability(&self) -> Vec<ReliabilityBin> {
        let bin = |bin: &Bin| ReliabilityBin {
            examples: bin.examples,
            correct: bin.correct,
            confidence: bin.confidence as f64 / ONE / bin.examples.max(1) as f64,
        };
        self.bins.iter().map(bin).collect()
    }

    pub(crate) fn mistakes(&self) -> Vec<ConfidentMistake> {
        self.mistakes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Vec<Answer> {
        let answer = |example: u64| Answer {
            example,
            label: example % 3,
            found: example % 2,
            confidence: (example * 37 % 101) as f64 / 100.0,
        };
        (0..500).map(answer).collect()
    }

    fn of(answers: &[Answer], ranks: usize) -> Sureness {
        let mut sum = Sureness::default();
        for rank in 0..ranks {
            let mut own = Sureness::default();
            answers.iter().skip(rank).step_by(ranks).for_each(|answer| own.count(answer));
            let words: Vec<u64> = own.words().collect();
            assert_eq!(words.len(), Sureness::WORDS);
            sum.add(&words);
        }
        sum
    }

    #[test]
    fn every_number_of_ranks_gives_the_same() {
        let answers = answers();
        let alone = of(&answers, 1);
        assert_eq!(alone.reliability().iter().map(|bin| bin.examples).sum::<u64>(), 500);
        assert_eq!(alone.mistakes().len(), KEPT);
        assert!(alone.mistakes().windows(2).all(|two| two[0].confidence >= two[1].confidence));
        assert_eq!((alone.mistakes()[0].example, alone.mistakes()[0].confidence), (131, 1.0));
        for ranks in [2, 3, 8, 600] {
            assert_eq!(of(&answers, ranks), alone, "{ranks}");
        }
    }

    #[test]
    fn the_error_is_the_mean_gap() {
        let bin = |examples, correct, confidence| ReliabilityBin { examples, correct, confidence };
        let check = |bins: &[ReliabilityBin], expected: f64| {
            assert!((calibration_error(bins) - expected).abs() < 1e-12);
        };
        // torchmetrics' example of MulticlassCalibrationError(num_classes=3, n_bins=3, norm="l1"): 0.2
        check(&[bin(0, 0, 0.0), bin(3, 1, 1.7 / 3.0), bin(1, 1, 0.9)], 0.2);
        check(&[], 0.0);
        check(&[bin(0, 0, 0.7)], 0.0);
    }

    #[test]
    fn scores_that_are_not_finite_do_no_harm() {
        let mut sureness = Sureness::default();
        sureness.count(&Answer { example: 0, label: 1, found: 0, confidence: f64::NAN });
        sureness.count(&Answer { example: 1, label: 1, found: 1, confidence: 1.0 });
        assert_eq!(sureness.mistakes(), []);
        assert_eq!(sureness.reliability()[0].examples, 1);
        assert_eq!(sureness.reliability()[9].confidence, 1.0);
    }
}
