//! The ways in which a sentence can turn the meaning of the words in it.

use super::dice::Dice;

/// What stands around the words of praise or blame, and so decides what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Construction {
    /// "The soup was delicious."
    Plain,
    /// "The soup was anything but delicious."
    Negation,
    /// "Nobody could say that the soup was not delicious."
    DoubleNegation,
    /// "The soup was cold, but in the end the evening was a joy."
    Contrast,
    /// "The evening was a joy, although the soup was cold."
    Concession,
    /// "The soup was not nearly as good as everybody says."
    Comparison,
    /// "The soup would have been good if the chef had taken more care."
    Condition,
    /// "I had expected the soup to be good, and I was wrong."
    Expectation,
    /// "My friends call the soup delicious, and I disagree."
    Hearsay,
    /// "After a while the plot was no longer dull."
    Change,
    /// "Was the plot dull? Not for a minute."
    Question,
}

impl Construction {
    /// The name by which a hash shares out the combinations; with another one the corpus changes.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "Plain",
            Self::Negation => "Negation",
            Self::DoubleNegation => "DoubleNegation",
            Self::Contrast => "Contrast",
            Self::Concession => "Concession",
            Self::Comparison => "Comparison",
            Self::Condition => "Condition",
            Self::Expectation => "Expectation",
            Self::Hearsay => "Hearsay",
            Self::Change => "Change",
            Self::Question => "Question",
        }
    }

    /// Each with its share of the reviews, in percent.
    ///
    /// Plain sentences come first and most: from them a model learns what the words mean, and with
    /// that it learns what the constructions do to them.
    pub(super) const MIX: [(Self, usize); 11] = [
        (Self::Plain, 42),
        (Self::Negation, 12),
        (Self::DoubleNegation, 6),
        (Self::Contrast, 10),
        (Self::Concession, 7),
        (Self::Comparison, 4),
        (Self::Condition, 4),
        (Self::Expectation, 4),
        (Self::Hearsay, 4),
        (Self::Change, 3),
        (Self::Question, 4),
    ];

    /// One of them, as often as the mix says.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let percent = dice.below(100);
        let mut covered = 0;
        let drawn = Self::MIX.iter().find(|(_, share)| {
            covered += share;
            percent < covered
        });
        drawn.map_or(Self::Plain, |&(construction, _)| construction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_make_up_the_whole() {
        assert_eq!(Construction::MIX.iter().map(|(_, share)| share).sum::<usize>(), 100);
    }
}
