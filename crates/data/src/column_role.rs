//! What a column is for, and the names by which it is recognised.

use std::fmt;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// The text to classify.
    Text,
    /// The class of the text.
    Label,
}

impl ColumnRole {
    /// The names by which the column is recognised, in any case of letters.
    #[must_use]
    pub fn conventional_names(self) -> &'static [&'static str] {
        match self {
            Self::Text => &[
                "text",
                "sentence",
                "review",
                "content",
                "comment",
                "message",
                "tweet",
                "document",
                "body",
                "utterance",
                "question",
                "query",
            ],
            Self::Label => &[
                "label",
                "labels",
                "class index",
                "category",
                "class",
                "sentiment",
                "target",
                "intent",
                "topic",
                "rating",
                "stars",
            ],
        }
    }
}

/// The names by which the two columns of a pair are recognised, in any case of letters.
pub(crate) const PAIRS: [[&str; 2]; 8] = [
    ["sentence1", "sentence2"],
    ["premise", "hypothesis"],
    ["question1", "question2"],
    ["text1", "text2"],
    ["sentence_1", "sentence_2"],
    ["text_1", "text_2"],
    ["sentence_a", "sentence_b"],
    ["text_a", "text_b"],
];

impl fmt::Display for ColumnRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Label => "label",
        })
    }
}
