//! What a page is made of.

use lockstep_trainer::{EvaluationReport, Spread};

use crate::story::Story;

/// One run, as a page shows it.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// What to call it.
    pub name: String,
    /// What happened.
    pub story: Story,
    /// The classes, in the order of their numbers; empty where they are not known.
    pub classes: Vec<String>,
    /// The lengths of the texts in tokens, where they are known.
    pub lengths: Option<Histogram>,
    /// The most confident mistakes of the last evaluation, the surest first; nothing where the texts
    /// are not known.
    pub mistakes: Option<Vec<Mistake>>,
    /// The settings.
    pub settings: Vec<Setting>,
}

impl Run {
    /// The evaluation that a page is about, where there is one.
    #[must_use]
    pub fn final_evaluation(&self) -> Option<&EvaluationReport> {
        self.story.final_evaluation()
    }
}

/// What trainings that differ in their seed only came to.
#[derive(Clone, Debug)]
pub struct Seeds {
    /// The seeds, in the order of the runs.
    pub seeds: Vec<u64>,
    /// Each metric over the seeds, by its name in `all_results.json`.
    pub metrics: Vec<(String, Spread)>,
    /// Whose model is the result, in words.
    pub result: String,
    /// Whether it was chosen by its metric.
    pub is_chosen: bool,
}

/// A text that was given a wrong class.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// The text.
    pub text: String,
    /// The number of its class.
    pub label: usize,
    /// The number of the class that was found.
    pub found: usize,
    /// The probability of the class that was found.
    pub confidence: f64,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub name: String,
    /// The value.
    pub value: String,
}

/// How many texts have how many tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Lengths that a bin spans.
    pub width: u32,
    /// The texts of each bin; the first one begins at length 0.
    pub counts: Vec<u64>,
    /// All tokens.
    pub tokens: u64,
    /// The longest text.
    pub longest: u32,
    /// Texts that were cut.
    pub truncated: u64,
}

impl Histogram {
    /// Bins at most.
    const MOST: u32 = 40;

    /// The histogram of `lengths`, of which `truncated` are those of texts that were cut.
    #[must_use]
    pub fn of(lengths: &[u32], truncated: usize) -> Self {
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let width = (longest / Self::MOST) + 1;
        let bins = longest / width + 1;
        let mut counts = vec![0; bins as usize];
        for length in lengths {
            counts[(length / width) as usize] += 1;
        }
        let tokens = lengths.iter().map(|length| u64::from(*length)).sum();
        Self { width, counts, tokens, longest, truncated: truncated as u64 }
    }

    /// All texts.
    pub(crate) fn texts(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_in_a_bin() {
        for lengths in [&[][..], &[0], &[3, 4, 128], &[u32::MAX, 1], &[39, 40, 41]] {
            let found = Histogram::of(lengths, 1);
            assert_eq!(found.texts(), lengths.len() as u64, "{lengths:?}");
            assert!(found.counts.len() <= 40 + 1, "{lengths:?}: {}", found.counts.len());
        }
        assert_eq!(Histogram::of(&[3, 4, 128], 0).counts[1], 1);
    }
}
