//! What is reviewed: six scenes, each with its subjects and the small talk that goes with them.

use super::lexicon::Kind;

/// Something that can be reviewed, and how people talk about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scene {
    /// What it is one of: "in no other {thing}".
    pub(super) thing: &'static str,
    /// Whether it is told in the past or in the present.
    pub(super) tense: Tense,
    /// The names of the thing as a whole.
    pub(super) wholes: &'static [Subject],
    /// What belongs to it.
    pub(super) parts: &'static [Subject],
    /// Who else has an opinion: "{company} found it dull".
    pub(super) company: &'static str,
    /// Whose work it is: "if the {maker} had taken more care".
    pub(super) maker: &'static str,
    /// What everyone has done who knows it: "cannot have {known}".
    pub(super) known: &'static str,
    /// What came of it when it was bad, and when it was good.
    pub(super) outcomes: [&'static [&'static str]; 2],
    /// Sentences that tell nothing about the reviewer's opinion.
    pub(super) asides: &'static [&'static str],
}

/// The time a scene is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tense {
    Past,
    Present,
}

/// One or many, for the verbs and pronouns that agree with a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Singular,
    Plural,
}

/// Something an opinion can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) number: Number,
    pub(super) kind: Kind,
}

const fn one(name: &'static str, kind: Kind) -> Subject {
    Subject { name, number: Number::Singular, kind }
}

const fn many(name: &'static str, kind: Kind) -> Subject {
    Subject { name, number: Number::Plural, kind }
}

/// Every scene.
pub(super) static SCENES: [&Scene; 6] = [&FILM, &BOOK, &RESTAURANT, &HOTEL, &LAPTOP, &CAMERA];

static FILM: Scene = Scene {
    thing: "film",
    tense: Tense::Past,
    wholes: &[
        one("the film", Kind::Experience),
        one("this film", Kind::Experience),
        one("the evening at the cinema", Kind::Experience),
    ],
    parts: &[
        one("the plot", Kind::Story),
        one("the love story", Kind::Story),
        one("the script", Kind::Story),
        one("the opening scene", Kind::Story),
        one("the second half", Kind::Story),
        one("the acting", Kind::Performer),
        one("the cast", Kind::Performer),
        many("the actors", Kind::Performer),
        one("the music", Kind::Design),
        one("the camera work", Kind::Design),
        many("the costumes", Kind::Design),
    ],
    company: "everyone in our row",
    maker: "director",
    known: "seen it",
    outcomes: [
        &["we left before the end", "my brother fell asleep", "I kept looking at my watch"],
        &["we saw it twice", "nobody wanted to go home", "I forgot the time"],
    ],
    asides: &[
        "We saw it on a rainy Sunday.",
        "I went with my brother.",
        "It was the last film of the festival.",
        "The cinema was almost full.",
        "We had seats in the third row.",
    ],
};

static BOOK: Scene = Scene {
    thing: "book",
    tense: Tense::Present,
    wholes: &[
        one("the book", Kind::Experience),
        one("this novel", Kind::Experience),
        one("the story", Kind::Experience),
    ],
    parts: &[
        one("the plot", Kind::Story),
        one("the first chapter", Kind::Story),
        one("the last chapter", Kind::Story),
        one("the dialogue", Kind::Story),
        many("the characters", Kind::Performer),
        many("the minor characters", Kind::Performer),
        one("the cover", Kind::Design),
        many("the drawings", Kind::Design),
    ],
    company: "everyone in our book club",
    maker: "author",
    known: "read it",
    outcomes: [
        &["I gave it away", "I gave up after ten pages", "I kept counting the pages"],
        &["I read it in one night", "I started again at once", "I missed my stop"],
    ],
    asides: &[
        "I read it on the train.",
        "My aunt gave it to me.",
        "It has about three hundred pages.",
        "I found it in a small bookshop.",
        "We talked about it last week.",
    ],
};

static RESTAURANT: Scene = Scene {
    thing: "restaurant",
    tense: Tense::Past,
    wholes: &[
        one("the meal", Kind::Experience),
        one("the evening", Kind::Experience),
        one("our dinner", Kind::Experience),
    ],
    parts: &[
        one("the soup", Kind::Dish),
        one("the fish", Kind::Dish),
        one("the pasta", Kind::Dish),
        one("the stew", Kind::Dish),
        many("the vegetables", Kind::Dish),
        one("the main course", Kind::Dish),
        one("the bread", Kind::Pastry),
        one("the apple tart", Kind::Pastry),
        many("the pancakes", Kind::Pastry),
        many("the waiters", Kind::Host),
        one("the service", Kind::Host),
        one("the dining room", Kind::Room),
    ],
    company: "everyone at our table",
    maker: "owner",
    known: "eaten here",
    outcomes: [
        &["we left half of it", "we paid and left", "we went home early"],
        &["we ordered more", "we stayed until midnight", "we booked again at once"],
    ],
    asides: &[
        "We came for my mother's birthday.",
        "We had a table by the window.",
        "It was a busy Friday night.",
        "A friend took us there.",
        "There were six of us.",
    ],
};

static HOTEL: Scene = Scene {
    thing: "hotel",
    tense: Tense::Past,
    wholes: &[
        one("our stay", Kind::Experience),
        one("the weekend", Kind::Experience),
        one("the holiday", Kind::Experience),
    ],
    parts: &[
        one("our room", Kind::Room),
        one("the bathroom", Kind::Room),
        one("the lobby", Kind::Room),
        one("the bar", Kind::Room),
        many("the staff", Kind::Host),
        many("the people at the desk", Kind::Host),
        many("the porters", Kind::Host),
        one("the food", Kind::Dish),
        many("the eggs", Kind::Dish),
        one("the cake", Kind::Pastry),
        many("the rolls", Kind::Pastry),
    ],
    company: "everyone in my family",
    maker: "manager",
    known: "stayed here",
    outcomes: [
        &["we left a day early", "we asked for our money back", "the children cried"],
        &["we stayed another day", "we booked again at once", "the children cheered"],
    ],
    asides: &[
        "We stayed for two nights in May.",
        "We arrived late in the evening.",
        "I was here on business.",
        "We travelled with two children.",
        "It is a short walk from the station.",
    ],
};

static LAPTOP: Scene = Scene {
    thing: "laptop",
    tense: Tense::Present,
    wholes: &[
        one("the laptop", Kind::Device),
        one("this laptop", Kind::Device),
        one("the machine", Kind::Device),
    ],
    parts: &[
        one("the keyboard", Kind::Device),
        one("the screen", Kind::Device),
        one("the battery", Kind::Device),
        one("the charger", Kind::Device),
        one("the lid", Kind::Device),
        many("the speakers", Kind::Device),
        many("the hinges", Kind::Device),
    ],
    company: "everyone in the office",
    maker: "maker",
    known: "used it",
    outcomes: [
        &["I sent it back", "I went back to my old one", "I want my money back"],
        &["I bought a second one", "I sold my old one", "I use nothing else now"],
    ],
    asides: &[
        "I bought it a month ago.",
        "I use it every day.",
        "It was a present from my husband.",
        "It came in a plain box.",
        "I work on it and my son plays on it.",
    ],
};

static CAMERA: Scene = Scene {
    thing: "camera",
    tense: Tense::Present,
    wholes: &[
        one("the camera", Kind::Device),
        one("this camera", Kind::Device),
        one("the set", Kind::Device),
    ],
    parts: &[
        one("the lens", Kind::Device),
        one("the flash", Kind::Device),
        one("the battery", Kind::Device),
        one("the strap", Kind::Device),
        one("the tripod", Kind::Device),
        many("the buttons", Kind::Device),
        many("the filters", Kind::Device),
    ],
    company: "everyone in the photo club",
    maker: "maker",
    known: "used it",
    outcomes: [
        &["I sent it back", "I went back to my old one", "I want my money back"],
        &["I bought a second one", "I sold my old one", "I take it everywhere"],
    ],
    asides: &[
        "I bought it last spring.",
        "I take pictures of birds.",
        "It was a present from my wife.",
        "I have used it on two trips.",
        "It is my third one.",
    ],
};
