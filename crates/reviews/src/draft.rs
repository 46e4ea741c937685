//! What a review says, before it is written down: a pattern and the opinions that fill it.

use super::construction::Construction;
use super::dice::Dice;
use super::holdout::Combination;
use super::lexicon::{self, Form};
use super::patterns::patterns;
use super::scene::{SCENES, Scene, Subject};
use super::{Sentiment, Split};

/// A word about a subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opinion {
    pub(super) subject: Subject,
    pub(super) word: &'static str,
}

/// A pattern and all opinions a pattern can ask for; most leave some of them out.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) construction: Construction,
    pub(super) label: Sentiment,
    pub(super) scene: &'static Scene,
    pub(super) pattern: &'static str,
    /// What decides the label, together with the construction.
    pub(super) claim: Opinion,
    /// A further word about the claim's subject that points the same way.
    pub(super) likewise: Opinion,
    /// A word about the claim's subject that points the other way.
    pub(super) opposite: Opinion,
    /// A word about another part that points the same way.
    pub(super) besides: Opinion,
    /// A word about another part that points the other way.
    pub(super) other: Opinion,
}

impl Draft {
    /// A review with this label, about anything.
    pub(super) fn new(construction: Construction, label: Sentiment, dice: &mut Dice) -> Self {
        let (pattern, sentiment) = pick_pattern(construction, label, dice);
        let scene = dice.pick(&SCENES);
        let subject = dice.pick(&subjects(pattern, scene));
        let part = dice.pick_besides(scene.parts, subject);
        let claim = dice.pick(&lexicon::words(form(pattern), subject.kind, sentiment));
        let mut quality = |subject: Subject, sentiment| {
            let words = lexicon::words(Form::Quality, subject.kind, sentiment);
            Opinion { subject, word: dice.pick_besides(&words, claim) }
        };
        Self {
            construction,
            label,
            scene,
            pattern,
            claim: Opinion { subject, word: claim },
            likewise: quality(subject, sentiment),
            opposite: quality(subject, sentiment.opposite()),
            besides: quality(part, sentiment),
            other: quality(part, sentiment.opposite()),
        }
    }

    /// The split it may go to, or nothing when its combinations belong to different ones.
    pub(super) fn split(&self) -> Option<Split> {
        let combinations = self.combinations();
        let split = combinations.first()?.split();
        combinations.iter().all(|combination| combination.split() == split).then_some(split)
    }

    /// Every word about a subject that the review will hold.
    pub(super) fn combinations(&self) -> Vec<Combination> {
        let optional = [
            ("{likewise}", self.likewise),
            ("{opposite}", self.opposite),
            ("{besides}", self.besides),
            ("{other}", self.other),
        ];
        let mentioned = optional.iter().filter(|(slot, _)| self.pattern.contains(slot));
        std::iter::once(self.claim)
            .chain(mentioned.map(|&(_, opinion)| opinion))
            .map(|Opinion { subject, word }| Combination {
                construction: self.construction,
                subject: subject.name,
                word,
            })
            .collect()
    }
}

/// A pattern that can carry the label, and the sentiment its word must have for that.
fn pick_pattern(
    construction: Construction,
    label: Sentiment,
    dice: &mut Dice,
) -> (&'static str, Sentiment) {
    loop {
        let (effect, pattern) = dice.pick(patterns(construction));
        if let Some(sentiment) = effect.word_for(label) {
            return (pattern, sentiment);
        }
    }
}

/// What the claim of this pattern can be about.
fn subjects(pattern: &str, scene: &Scene) -> Vec<Subject> {
    if pattern.contains("{whole}") {
        scene.wholes.to_vec()
    } else if pattern.contains("{part}") {
        scene.parts.to_vec()
    } else {
        [scene.wholes, scene.parts].concat()
    }
}

/// The form in which this pattern takes its claim's word.
fn form(pattern: &str) -> Form {
    if pattern.contains("{feel}") || pattern.contains("{felt}") {
        Form::Feeling
    } else if pattern.contains("{judgement}") {
        Form::Judgement
    } else {
        Form::Quality
    }
}
