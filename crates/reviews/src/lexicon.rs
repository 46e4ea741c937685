//! The words of praise and blame, and what they can be said about.

use super::Sentiment;

/// What a subject is, which decides the adjectives that suit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A film, a meal, a stay: the thing as a whole.
    Experience,
    /// A plot, an ending, a script.
    Story,
    /// Actors, or the characters of a book.
    Performer,
    /// Music, costumes, pictures.
    Design,
    /// Soup, fish, vegetables.
    Dish,
    /// Bread, cake, pancakes.
    Pastry,
    /// Waiters, owners, porters.
    Host,
    /// A dining room, a lobby.
    Room,
    /// A laptop or a part of it.
    Device,
}

/// How a pattern takes a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// An adjective: "was {quality}".
    Quality,
    /// An adjective or a noun: "was anything but {judgement}".
    Judgement,
    /// A verb: "nobody could {feel} the soup".
    Feeling,
}

/// The words in this form that say `sentiment` about a subject of this kind.
pub(super) fn words(form: Form, kind: Kind, sentiment: Sentiment) -> Vec<&'static str> {
    let choose = |[negative, positive]: [&'static [&'static str]; 2]| match sentiment {
        Sentiment::Negative => negative,
        Sentiment::Positive => positive,
    };
    let qualities = [choose(GENERAL), choose(qualities(kind))].concat();
    match form {
        Form::Quality => qualities,
        Form::Judgement => [&qualities, choose(VERDICTS)].concat(),
        Form::Feeling => choose(FEELINGS).to_vec(),
    }
}

/// The past tense of one of the verbs here, all of which are regular.
pub(super) fn past(verb: &str) -> String {
    if verb.ends_with('e') { format!("{verb}d") } else { format!("{verb}ed") }
}

/// Negative words and positive words.
type Pair = [&'static [&'static str]; 2];

const GENERAL: Pair = [
    &["awful", "terrible", "disappointing", "poor", "mediocre", "horrible"],
    &["wonderful", "excellent", "superb", "lovely", "delightful", "impressive"],
];

const VERDICTS: Pair = [
    &["a disappointment", "a let-down", "a nuisance", "a disgrace", "a nightmare"],
    &["a pleasure", "a joy", "a delight", "a treat", "a highlight"],
];

const FEELINGS: Pair = [
    &["hate", "dislike", "loathe", "criticise", "detest", "despise"],
    &["love", "like", "praise", "admire", "recommend", "appreciate"],
];

fn qualities(kind: Kind) -> Pair {
    match kind {
        Kind::Experience => [
            &["tiresome", "forgettable", "annoying", "unpleasant", "frustrating", "boring"],
            &["enjoyable", "memorable", "satisfying", "pleasant", "entertaining", "charming"],
        ],
        Kind::Story => [
            &["dull", "predictable", "confusing", "silly", "shallow", "tedious", "boring"],
            &["gripping", "moving", "clever", "original", "witty", "thrilling", "touching"],
        ],
        Kind::Performer => [
            &["wooden", "lifeless", "stiff", "unconvincing", "forgettable", "dull", "clumsy"],
            &["convincing", "lively", "charming", "touching", "subtle", "natural", "memorable"],
        ],
        Kind::Design => [
            &["ugly", "tasteless", "unimaginative", "clumsy", "dreary", "lifeless"],
            &["beautiful", "stylish", "imaginative", "elegant", "tasteful", "original"],
        ],
        Kind::Dish => [
            &["bland", "tasteless", "greasy", "inedible", "lukewarm", "oversalted"],
            &["tasty", "delicious", "fresh", "flavoursome", "appetising", "irresistible"],
        ],
        Kind::Pastry => [
            &["dry", "stale", "heavy", "soggy", "burnt", "tasteless"],
            &["tasty", "delicious", "fresh", "light", "appetising", "irresistible"],
        ],
        Kind::Host => [
            &["rude", "careless", "impatient", "arrogant", "unfriendly", "grumpy", "unhelpful"],
            &["friendly", "attentive", "kind", "polite", "helpful", "patient", "welcoming"],
        ],
        Kind::Room => [
            &["dirty", "noisy", "shabby", "gloomy", "cramped", "stuffy", "ugly"],
            &["cosy", "clean", "elegant", "comfortable", "inviting", "bright", "spacious"],
        ],
        Kind::Device => [
            &["unreliable", "flimsy", "impractical", "faulty", "useless", "fragile"],
            &["reliable", "sturdy", "practical", "solid", "handy", "dependable"],
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_have_a_past() {
        let check = |verb, expected| assert_eq!(past(verb), expected);
        check("love", "loved");
        check("detest", "detested");
    }

    #[test]
    fn no_word_is_both_praise_and_blame() {
        let kinds = [
            Kind::Experience,
            Kind::Story,
            Kind::Performer,
            Kind::Design,
            Kind::Dish,
            Kind::Pastry,
            Kind::Host,
            Kind::Room,
            Kind::Device,
        ];
        let all = |sentiment| {
            let forms = [Form::Judgement, Form::Feeling];
            let pairs = forms.into_iter().flat_map(|form| kinds.map(|kind| (form, kind)));
            pairs.flat_map(|(form, kind)| words(form, kind, sentiment)).collect::<Vec<_>>()
        };
        let praise = all(Sentiment::Positive);
        for word in all(Sentiment::Negative) {
            assert!(!praise.contains(&word), "{word}");
        }
    }
}
