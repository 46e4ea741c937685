//! The sentences of each construction, with slots in braces that `sentence` fills.
//!
//! The claim is what decides the label. It is about `{it}` (any subject), `{whole}` (the thing as a
//! whole) or `{part}`, and says `{quality}`, `{judgement}`, `{feel}` or `{felt}`. `{likewise}` and `{opposite}` are
//! further words about the same subject, `{besides}` an equal opinion and `{other}` a contrary one
//! about a part. Most patterns take words of either sentiment, so that nothing but the word and the
//! construction together gives the label.

use super::Sentiment;
use super::construction::Construction;
use Effect::{Flips, Keeps, Rescues, Spoils};

/// What a pattern makes of the sentiment of its claim's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The review means what the word says.
    Keeps,
    /// The review means the opposite.
    Flips,
    /// Takes a good word and makes it bad: "I wish it had been …".
    Spoils,
    /// Takes a bad word and makes it good: "in lesser hands it would have been …".
    Rescues,
}

impl Effect {
    /// The sentiment a word must have for the review to get this label, if there is one.
    pub(super) fn word_for(self, label: Sentiment) -> Option<Sentiment> {
        match (self, label) {
            (Self::Keeps, _) => Some(label),
            (Self::Flips, _)
            | (Self::Spoils, Sentiment::Negative)
            | (Self::Rescues, Sentiment::Positive) => Some(label.opposite()),
            (Self::Spoils, Sentiment::Positive) | (Self::Rescues, Sentiment::Negative) => None,
        }
    }
}

/// A sentence with slots.
pub(super) type Pattern = (Effect, &'static str);

/// The patterns of a construction.
pub(super) fn patterns(construction: Construction) -> &'static [Pattern] {
    match construction {
        Construction::Plain => PLAIN,
        Construction::Negation => NEGATION,
        Construction::DoubleNegation => DOUBLE_NEGATION,
        Construction::Contrast => CONTRAST,
        Construction::Concession => CONCESSION,
        Construction::Comparison => COMPARISON,
        Construction::Condition => CONDITION,
        Construction::Expectation => EXPECTATION,
        Construction::Hearsay => HEARSAY,
        Construction::Change => CHANGE,
        Construction::Question => QUESTION,
    }
}

const PLAIN: &[Pattern] = &[
    (Keeps, "{it} {was} {really}{judgement}"),
    (Keeps, "{it} {was} {quality} and {likewise}"),
    (Keeps, "{it} {was} {quality}, and {besides} {besides.was} {besides.quality}"),
    (Keeps, "not only {was} {it} {quality}, {besides} {besides.was} {besides.quality} too"),
    (Keeps, "{it} {was} so {quality} that {outcome}"),
    (Keeps, "I found {it} {really}{quality}"),
    (Keeps, "I would call {it} {judgement}"),
    (Keeps, "I cannot forget how {quality} {it} {was}"),
    (Keeps, "what I remember best is how {quality} {it} {was}"),
    (Keeps, "I {felt} {it}, and so did everyone else"),
    (Keeps, "we all {felt} {it}"),
    (Keeps, "{company} {felt} {it}"),
    (Keeps, "{company} found {it} {quality}"),
];

const NEGATION: &[Pattern] = &[
    (Flips, "{it} {was} not {judgement} at all"),
    (Flips, "{it} {was} not {judgement} in the least"),
    (Flips, "{it} {was}n't {quality}"),
    (Flips, "I don't think that {it} {was} {judgement}"),
    (Flips, "I didn't find {it} {quality}"),
    (Flips, "{it} {was} anything but {judgement}"),
    (Flips, "{it} {was} far from {quality}"),
    (Flips, "{it} {was} hardly {judgement}"),
    (Flips, "{it} {was} never {quality}"),
    (Flips, "{it} {was} by no means {judgement}"),
    (Flips, "{it} {was} neither {quality} nor {likewise}"),
    (Flips, "there {is} nothing {quality} about {it}"),
    (Flips, "I would not call {it} {judgement}"),
    (Flips, "nobody could call {it} {judgement}"),
    (Flips, "I could not {feel} {it}, hard as I tried"),
    (Flips, "it is hard to {feel} {it}"),
    (Flips, "I see no reason to {feel} {it}"),
];

const DOUBLE_NEGATION: &[Pattern] = &[
    (Keeps, "nobody could say that {it} {was} not {judgement}"),
    (Keeps, "I cannot say that {it} {was} not {quality}"),
    (Keeps, "it would be wrong to say that {it} {was} not {quality}"),
    (Keeps, "{it} {was} never anything but {quality}"),
    (Keeps, "{it} {was} nothing less than {judgement}"),
    (Keeps, "I cannot deny that {it} {was} {judgement}"),
    (Keeps, "there is no doubt that {it} {was} {judgement}"),
    (Keeps, "it is hard not to {feel} {it}"),
    (Keeps, "it is impossible not to {feel} {it}"),
    (Keeps, "nobody could fail to {feel} {it}"),
];

const CONTRAST: &[Pattern] = &[
    (Keeps, "{other} {other.was} {other.quality}, but in the end {whole} {was} {judgement}"),
    (Keeps, "{other} {other.was} {other.quality}, but all in all {whole} {was} {judgement}"),
    (Keeps, "{other} {other.was} {other.quality}, but what counts is that {it} {was} {quality}"),
    (Keeps, "{other} {other.was} {other.quality}, but in spite of that I {felt} {whole}"),
    (Keeps, "at first {it} seemed {opposite}, but {they} soon proved {quality}"),
    (Keeps, "{it} looked {opposite}, but {they} {was} in fact {quality}"),
    (Keeps, "some people call {it} {opposite}, but I call {them} {judgement}"),
    (Keeps, "I expected {it} to be {opposite}, but {they} {was} {judgement}"),
    (Keeps, "{it} {was} not {opposite} but {judgement}"),
    (Keeps, "{it} {was} {judgement}, not {opposite}"),
    (Keeps, "{it} {was} {quality} rather than {opposite}"),
];

const CONCESSION: &[Pattern] = &[
    (Keeps, "although {other} {other.was} {other.quality}, {whole} {was} {judgement}"),
    (Keeps, "{whole} {was} {judgement}, although {other} {other.was} {other.quality}"),
    (Keeps, "even if {other} {other.was} {other.quality}, {whole} {was} {judgement}"),
    (Keeps, "{whole} {was} {judgement}, even if {other} {other.was} {other.quality}"),
    (Keeps, "even though {other} {other.was} {other.quality}, I {felt} {whole}"),
    (Keeps, "I {felt} {whole}, even though {other} {other.was} {other.quality}"),
    (Keeps, "{other} may have been {other.quality}, yet {whole} {was} {judgement}"),
    (Keeps, "{whole} {was} {judgement}, no matter how {other.quality} {other} {other.was}"),
];

const COMPARISON: &[Pattern] = &[
    (Keeps, "{it} {was} just as {quality} as {sources} say"),
    (Keeps, "{it} {was} every bit as {quality} as {sources} say"),
    (Keeps, "in no other {thing} {was} {part} as {quality} as in this one"),
    (Keeps, "in any other {thing} {part} {was} less {quality} than in this one"),
    (Flips, "{it} {was} not nearly as {quality} as {sources} say"),
    (Flips, "{it} {was} far less {quality} than {sources} say"),
];

const CONDITION: &[Pattern] = &[
    (Flips, "with any other {maker} {it} would have been {judgement}"),
    (Flips, "in any other {thing} {part} would have been {judgement}"),
    (Spoils, "{it} would have been {judgement} if the {maker} had taken more care"),
    (Spoils, "{it} could have been {quality} with a little more care"),
    (Spoils, "{it} might have been {judgement} in better hands"),
    (Spoils, "I wish {it} had been {quality}"),
    (Rescues, "{it} would have been {judgement} if the {maker} had taken less care"),
    (Rescues, "{it} could have been {quality} with a little less care"),
    (Rescues, "{it} might have been {judgement} in lesser hands"),
    (Keeps, "if you ask me, {it} {was} {judgement}"),
    (Keeps, "if I remember one thing, it is that {it} {was} {quality}"),
    (Keeps, "even if you know little about {thing}s, you will find {part} {quality}"),
];

const EXPECTATION: &[Pattern] = &[
    (Keeps, "I had expected {it} to be {quality}, and I was right"),
    (Keeps, "I thought that {it} would be {judgement}, and so {they} {was}"),
    (Keeps, "just as I had expected, {it} {was} {judgement}"),
    (Keeps, "who would have thought that {it} could be so {quality}?"),
    (Flips, "I had expected {it} to be {quality}, and I was wrong"),
    (Flips, "I thought that {it} would be {judgement}, and {they} {was} not"),
    (Spoils, "I had hoped that {it} would be {quality}, and {they} {was} not"),
    (Rescues, "I had feared that {it} would be {quality}, and {they} {was} not"),
];

const HEARSAY: &[Pattern] = &[
    (Keeps, "{sources} call {it} {judgement}, and I agree"),
    (Keeps, "{sources} call {it} {judgement}, and they are right"),
    (Keeps, "it is true what {sources} say: {it} {was} {quality}"),
    (Keeps, "whoever does not find {it} {quality} cannot have {known}"),
    (Flips, "{sources} call {it} {judgement}, and I disagree"),
    (Flips, "{sources} call {it} {judgement}, and they are wrong"),
    (Flips, "it is not true that {it} {was} {judgement}, as {sources} say"),
    (Flips, "whoever finds {it} {quality} cannot have {known}"),
];

const CHANGE: &[Pattern] = &[
    (Keeps, "{it} {was} {quality} from start to finish"),
    (Keeps, "{it} never stopped being {quality}"),
    (Keeps, "at first {it} seemed {quality}, and that never changed"),
    (Keeps, "{it} {was} {quality} time and again"),
    (Flips, "after a while {it} {was} no longer {quality}"),
    (Flips, "{it} soon stopped being {quality}"),
    (Flips, "at first {it} seemed {quality}, and that soon changed"),
    (Flips, "{it} did not stay {quality} for long"),
];

const QUESTION: &[Pattern] = &[
    (Keeps, "{was} {it} {quality}? {yes}"),
    (Keeps, "would I call {it} {judgement}? {yes}"),
    (Keeps, "did I {feel} {it}? {yes}"),
    (Flips, "{was} {it} {quality}? {no}"),
    (Flips, "would I call {it} {judgement}? {no}"),
    (Flips, "did I {feel} {it}? {no}"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_effect_asks_for_the_word_that_gives_the_label() {
        use Sentiment::{Negative, Positive};
        let check = |effect: Effect, for_negative, for_positive| {
            assert_eq!(
                Sentiment::ALL.map(|label| effect.word_for(label)),
                [for_negative, for_positive]
            );
        };
        check(Keeps, Some(Negative), Some(Positive));
        check(Flips, Some(Positive), Some(Negative));
        check(Spoils, Some(Positive), None);
        check(Rescues, None, Some(Negative));
    }

    #[test]
    fn every_construction_can_give_both_labels_and_no_pattern_occurs_twice() {
        let mut seen = HashSet::new();
        for (construction, _) in Construction::MIX {
            for label in Sentiment::ALL {
                let able = patterns(construction)
                    .iter()
                    .any(|(effect, _)| effect.word_for(label).is_some());
                assert!(able, "{construction:?} cannot be {}", label.name());
            }
            for (_, pattern) in patterns(construction) {
                assert!(seen.insert(pattern), "twice: {pattern}");
            }
        }
    }

    /// Drafts find what a pattern mentions by the name of the subject's slot.
    #[test]
    fn a_further_opinion_names_its_subject() {
        for (_, pattern) in Construction::MIX.iter().flat_map(|(c, _)| patterns(*c)) {
            for name in ["besides", "other"] {
                let says = pattern.contains(&format!("{{{name}."));
                assert_eq!(says, pattern.contains(&format!("{{{name}}}")), "{pattern}");
            }
        }
    }
}
