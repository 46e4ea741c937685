//! How a draft becomes text: its pattern with the slots filled, and around it some small talk.

use super::Sentiment;
use super::dice::Dice;
use super::draft::{Draft, Opinion};
use super::lexicon;
use super::scene::{Number, Subject, Tense};

const OPENERS: [&str; 7] = [
    "honestly, ",
    "in my opinion, ",
    "I must say: ",
    "believe me, ",
    "in short, ",
    "well, ",
    "for me, ",
];
const EMPHASIS: [&str; 6] = ["", "", "really ", "truly ", "simply ", "clearly "];
const SOURCES: [&str; 5] =
    ["the critics", "my friends", "many people", "the papers", "my neighbours"];
const YES: [&str; 4] = ["Absolutely.", "Yes, very much so.", "Without a doubt.", "Oh yes."];
const NO: [&str; 4] = ["Not at all.", "Not for a minute.", "By no means.", "Oh no."];

/// What a pattern starts with when an opener may stand before it.
const STATEMENT_STARTS: [&str; 3] = ["{it}", "{whole}", "{other}"];

/// The review in words: the pattern, now and then with an opener or an aside.
pub(super) fn write(draft: &Draft, dice: &mut Dice) -> String {
    let statement = sentence(&format!("{}{}", opener(draft, dice), filled(draft, dice)));
    let aside = dice.pick(draft.scene.asides);
    match dice.below(5) {
        0 => format!("{aside} {statement}"),
        1 => format!("{statement} {aside}"),
        _ => statement,
    }
}

fn opener(draft: &Draft, dice: &mut Dice) -> &'static str {
    let is_statement = STATEMENT_STARTS.iter().any(|start| draft.pattern.starts_with(start));
    if is_statement && dice.below(5) == 0 { dice.pick(&OPENERS) } else { "" }
}

fn filled(draft: &Draft, dice: &mut Dice) -> String {
    let mut pieces = draft.pattern.split('{');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (slot, rest) = piece.split_once('}').unwrap_or((piece, ""));
        text.push_str(&filling(slot, draft, dice));
        text.push_str(rest);
    }
    text
}

fn filling(slot: &str, draft: &Draft, dice: &mut Dice) -> String {
    let Opinion { subject, word } = draft.claim;
    let tense = draft.scene.tense;
    let text = match slot {
        "it" | "whole" | "part" => subject.name,
        "was" => was(subject.number, tense),
        "is" => was(Number::Singular, tense),
        "they" => pronoun(subject, "they"),
        "them" => pronoun(subject, "them"),
        "quality" | "judgement" | "feel" => word,
        "felt" => return lexicon::past(word),
        "likewise" => draft.likewise.word,
        "opposite" => draft.opposite.word,
        "besides" => draft.besides.subject.name,
        "besides.was" => was(draft.besides.subject.number, tense),
        "besides.quality" => draft.besides.word,
        "other" => draft.other.subject.name,
        "other.was" => was(draft.other.subject.number, tense),
        "other.quality" => draft.other.word,
        _ => small_talk(slot, draft, dice),
    };
    text.to_owned()
}

fn small_talk(slot: &str, draft: &Draft, dice: &mut Dice) -> &'static str {
    let [when_bad, when_good] = draft.scene.outcomes;
    match (slot, draft.label) {
        ("thing", _) => draft.scene.thing,
        ("maker", _) => draft.scene.maker,
        ("company", _) => draft.scene.company,
        ("known", _) => draft.scene.known,
        ("outcome", Sentiment::Negative) => dice.pick(when_bad),
        ("outcome", Sentiment::Positive) => dice.pick(when_good),
        ("really", _) => dice.pick(&EMPHASIS),
        ("sources", _) => dice.pick(&SOURCES),
        ("yes", _) => dice.pick(&YES),
        ("no", _) => dice.pick(&NO),
        // The tests look for braces in the finished reviews.
        _ => "{}",
    }
}

fn was(number: Number, tense: Tense) -> &'static str {
    match (number, tense) {
        (Number::Singular, Tense::Past) => "was",
        (Number::Singular, Tense::Present) => "is",
        (Number::Plural, Tense::Past) => "were",
        (Number::Plural, Tense::Present) => "are",
    }
}

fn pronoun(subject: Subject, plural: &'static str) -> &'static str {
    match subject.number {
        Number::Singular => "it",
        Number::Plural => plural,
    }
}

/// With a capital at the start and a full stop at the end, unless it ends in a mark already.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let capital = letters.next().map(|letter| letter.to_uppercase().to_string());
    let stop = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{}{}{stop}", capital.unwrap_or_default(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_has_a_capital_and_a_stop() {
        let check = |text, expected| assert_eq!(sentence(text), expected);
        check("the soup was cold", "The soup was cold.");
        check("was the soup cold? Not at all.", "Was the soup cold? Not at all.");
        check("who would have thought so?", "Who would have thought so?");
    }
}
