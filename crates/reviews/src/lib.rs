//! Short reviews of films, meals, hotels and the like, written by a grammar: the corpus of the
//! quick start, so that a first run needs no download.
//!
//! The task is small and yet a real one. What a word says about a review depends on the
//! construction around it ("not dull at all", "would have been great if …", "cold, but in the end
//! wonderful"), so the words alone, without their order, do not give the answer. And the dev
//! reviews are made of combinations of subject, word and construction that training never shows
//! (`holdout`), so remembering sentences does not help either.
//!
//! A review comes about in this order: a `construction` and a label are drawn, one of the
//! construction's `patterns`, a `scene` with its subjects, and from the `lexicon` words about them.
//! Together they are a `draft`, which `sentence` writes down.

mod construction;
mod dice;
mod draft;
mod holdout;
mod lexicon;
mod patterns;
mod scene;
mod sentence;

use std::collections::HashSet;

use lockstep_world::{Purpose, Seed};

use construction::Construction;
use dice::Dice;
use draft::Draft;

/// What a reviewer thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sentiment {
    /// The reviewer was not pleased.
    Negative,
    /// The reviewer was pleased.
    Positive,
}

impl Sentiment {
    /// Both, in the order of their label ids.
    pub const ALL: [Self; 2] = [Self::Negative, Self::Positive];

    /// The name of the label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Positive => "positive",
        }
    }

    fn opposite(self) -> Self {
        match self {
            Self::Negative => Self::Positive,
            Self::Positive => Self::Negative,
        }
    }
}

/// The part of the corpus a review belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// What the model learns from.
    Train,
    /// What it is measured on: no combination in it occurs in [`Split::Train`].
    Dev,
}

impl Split {
    /// The number of reviews, half of them negative and half positive.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Train => 12_000,
            Self::Dev => 1_000,
        }
    }

    fn index(self) -> u64 {
        match self {
            Self::Train => 0,
            Self::Dev => 1,
        }
    }
}

/// A few sentences and what their writer thought.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Review {
    /// What was written.
    pub text: String,
    /// What was meant.
    pub label: Sentiment,
}

/// The reviews of one split: all different, balanced, in random order, the same for the same seed.
#[must_use]
pub fn reviews(split: Split, seed: Seed) -> Vec<Review> {
    written(split, seed).into_iter().map(|(_, review)| review).collect()
}

fn written(split: Split, seed: Seed) -> Vec<(Draft, Review)> {
    let mut dice = Dice::new(seed.derive(Purpose::Corpus, split.index()));
    let mut texts = HashSet::new();
    let mut written = Vec::with_capacity(split.size());
    while written.len() < split.size() {
        let label = Sentiment::ALL[written.len() % 2];
        let draft = draft_for(split, label, &mut dice);
        let text = sentence::write(&draft, &mut dice);
        if texts.insert(text.clone()) {
            written.push((draft, Review { text, label }));
        }
    }
    dice.shuffle(&mut written);
    written
}

/// The construction is drawn once and kept until a draft lies in the split, so that both splits
/// have the same mix of constructions.
fn draft_for(split: Split, label: Sentiment, dice: &mut Dice) -> Draft {
    let construction = Construction::draw(dice);
    loop {
        let draft = Draft::new(construction, label, dice);
        if draft.split() == Some(split) {
            return draft;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Debug;
    use std::hash::Hash;

    use lockstep_world::Seed;

    use super::holdout::Combination;
    use super::{Draft, Review, Sentiment, Split, reviews, written};

    const SEEDS: [Seed; 3] = [Seed(0), Seed(1), Seed(42)];

    #[test]
    fn a_corpus_follows_from_its_seed() {
        for split in [Split::Train, Split::Dev] {
            assert_eq!(reviews(split, Seed(42)), reviews(split, Seed(42)));
            assert_ne!(reviews(split, Seed(42)), reviews(split, Seed(43)));
        }
    }

    #[test]
    fn reviews_are_different_balanced_and_whole() {
        for (seed, split) in SEEDS.iter().flat_map(|&s| [(s, Split::Train), (s, Split::Dev)]) {
            let reviews = reviews(split, seed);
            let texts: HashSet<&str> = reviews.iter().map(|review| review.text.as_str()).collect();
            assert_eq!((reviews.len(), texts.len()), (split.size(), split.size()));
            let negative = reviews.iter().filter(|review| review.label == Sentiment::Negative);
            assert_eq!(negative.count(), split.size() / 2);
            for text in texts {
                let whole = text.starts_with(char::is_uppercase) && text.ends_with(['.', '?']);
                assert!(
                    whole && !text.contains(['{', '}', '\t']) && !text.contains("  "),
                    "{text}"
                );
            }
        }
    }

    /// The splits stay apart even when they come from different seeds.
    #[test]
    fn dev_combines_known_things_in_unknown_ways() {
        for (train_seed, dev_seed) in SEEDS.iter().flat_map(|&s| SEEDS.map(|t| (s, t))) {
            let [train, dev] = [written(Split::Train, train_seed), written(Split::Dev, dev_seed)];
            assert_disjoint(texts(&train), texts(&dev));
            assert_disjoint(parts(&train, |c| c), parts(&dev, |c| c));
            assert_covered(words(&train), words(&dev));
            assert_covered(parts(&train, |c| c.construction), parts(&dev, |c| c.construction));
            assert_covered(parts(&train, |c| c.subject), parts(&dev, |c| c.subject));
            assert_covered(parts(&train, |c| c.word), parts(&dev, |c| c.word));
        }
    }

    type Written = [(Draft, Review)];

    fn texts(written: &Written) -> HashSet<&str> {
        written.iter().map(|(_, review)| review.text.as_str()).collect()
    }

    fn words(written: &Written) -> HashSet<String> {
        let texts = written.iter().map(|(_, review)| review.text.to_lowercase());
        texts.flat_map(|text| text.split_whitespace().map(trimmed).collect::<Vec<_>>()).collect()
    }

    fn trimmed(word: &str) -> String {
        word.trim_matches(|letter: char| !letter.is_alphabetic()).to_owned()
    }

    fn parts<T: Eq + Hash>(written: &Written, part: impl Fn(Combination) -> T) -> HashSet<T> {
        written.iter().flat_map(|(draft, _)| draft.combinations()).map(part).collect()
    }

    fn assert_disjoint<T: Eq + Hash + Debug>(train: HashSet<T>, dev: HashSet<T>) {
        let both: Vec<&T> = train.intersection(&dev).collect();
        assert!(both.is_empty(), "in both splits: {both:?}");
    }

    fn assert_covered<T: Eq + Hash + Debug>(train: HashSet<T>, dev: HashSet<T>) {
        let unknown: Vec<&T> = dev.difference(&train).collect();
        assert!(unknown.is_empty(), "never in training: {unknown:?}");
    }
}
