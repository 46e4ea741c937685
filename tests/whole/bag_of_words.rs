//! A logistic regression on word counts: what the quick start's task is worth without word order.

use std::collections::HashMap;

use lockstep_reviews::{Review, Sentiment, Split, reviews};
use lockstep_world::Seed;

/// The seed of the built-in corpus.
const CORPUS: Seed = Seed(42);

const EPOCHS: u32 = 30;
const RATE: f64 = 0.1;

/// One weight a word of the training texts.
pub(crate) struct BagOfWords {
    weights: HashMap<String, f64>,
    bias: f64,
}

impl BagOfWords {
    /// Stochastic gradient descent on the logistic loss, the rate falling to zero in a line.
    pub(crate) fn trained() -> Self {
        let train = reviews(Split::Train, CORPUS);
        let mut model = Self { weights: HashMap::new(), bias: 0.0 };
        for epoch in 0..EPOCHS {
            let rate = RATE * f64::from(EPOCHS - epoch) / f64::from(EPOCHS);
            train.iter().for_each(|review| model.learn(review, rate));
        }
        model
    }

    /// The share of dev reviews it judges rightly.
    pub(crate) fn accuracy(&self) -> f64 {
        let dev = reviews(Split::Dev, CORPUS);
        let right = |review: &&Review| (self.score(&review.text) > 0.0) == is_positive(review);
        dev.iter().filter(right).count() as f64 / dev.len() as f64
    }

    fn learn(&mut self, review: &Review, rate: f64) {
        let probability = 1.0 / (1.0 + (-self.score(&review.text)).exp());
        let step = rate * (f64::from(u8::from(is_positive(review))) - probability);
        self.bias += step;
        for word in words(&review.text) {
            *self.weights.entry(word).or_default() += step;
        }
    }

    fn score(&self, text: &str) -> f64 {
        self.bias + words(text).filter_map(|word| self.weights.get(&word)).sum::<f64>()
    }
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let separated = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    separated.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn is_positive(review: &Review) -> bool {
    matches!(review.label, Sentiment::Positive)
}
