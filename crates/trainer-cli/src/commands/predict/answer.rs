//! What is found for one row.

use std::path::Path;
use std::sync::Arc;

use lockstep_trainer::Decision;

use super::input::Item;

/// What there is to say about a row.
pub(super) struct Answer {
    /// The file, where there are several.
    pub(super) file: Option<Arc<Path>>,
    /// Where the row begins.
    pub(super) line: u64,
    /// The text; nothing where it cannot be read.
    pub(super) text: Option<String>,
    /// What was found, or what is wrong with the row.
    pub(super) found: Result<Found, String>,
}

/// What a model says of a text.
pub(super) struct Found {
    /// The class.
    pub(super) class: usize,
    /// The probabilities of all classes, (K).
    pub(super) probabilities: Vec<f64>,
    /// The scores of all classes, (K).
    pub(super) logits: Vec<f32>,
}

impl Answer {
    /// The answer to a row, whose text has these scores, (K).
    pub(super) fn of(row: Item, logits: Vec<f32>, decision: Decision) -> Self {
        let Item { file, line, text } = row;
        let (text, found) = match text {
            Ok(text) => (Some(text), Found::of(logits, decision)),
            Err(bad) => (None, Err(bad.kind.to_string())),
        };
        Self { file, line, text, found }
    }
}

impl Found {
    fn of(logits: Vec<f32>, decision: Decision) -> Result<Self, String> {
        if !logits.iter().all(|logit| logit.is_finite()) {
            let error = "the model's scores are infinite or NaN: its training diverged, or its file is damaged";
            return Err(error.to_owned());
        }
        let probabilities = decision.probabilities(&logits);
        let class = decision.class(&probabilities);
        Ok(Self { class, probabilities, logits })
    }

    /// The probability of the class.
    pub(super) fn confidence(&self) -> f64 {
        self.probabilities.get(self.class).copied().unwrap_or_default()
    }

    /// The `most` most probable classes; the one that is the answer comes first.
    pub(super) fn top(&self, most: usize) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..self.probabilities.len()).collect();
        classes.sort_by(|one, other| {
            let is_other = |class: &usize| *class != self.class;
            let by_probability = self.probabilities[*other].total_cmp(&self.probabilities[*one]);
            is_other(one).cmp(&is_other(other)).then(by_probability)
        });
        classes.truncate(most);
        classes
    }
}
