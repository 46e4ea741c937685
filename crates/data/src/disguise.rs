//! Tables and objects where texts are expected, one a line.

use std::fmt;

use serde_json::Value;

use crate::column_role::{ColumnRole, PAIRS};
use crate::format::Format;

/// What a line looks like that should be a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disguise {
    /// A JSON object.
    Object,
    /// The beginning of a JSON document over several lines, or an array.
    Document,
    /// The names of columns, in the format that separates them so.
    Header(Format),
}

impl Disguise {
    /// What `line`, the first one, looks like, if it is clearly not a text.
    pub(crate) fn of(line: &str) -> Option<Self> {
        let line = line.trim();
        if matches!(line, "{" | "[") {
            return Some(Self::Document);
        }
        if line.starts_with(['{', '[']) {
            return match serde_json::from_str(line) {
                Ok(Value::Object(_)) => Some(Self::Object),
                Ok(Value::Array(items)) if items.iter().any(Value::is_object) => {
                    Some(Self::Document)
                }
                _ => None,
            };
        }
        let of = |separator, format| is_header(line, separator).then_some(Self::Header(format));
        of('\t', Format::Tsv).or_else(|| of(',', Format::Csv))
    }
}

impl fmt::Display for Disguise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "a JSON object",
            Self::Document => "a JSON document over several lines",
            Self::Header(_) => "the header of a table",
        })
    }
}

/// Whether `line` has several single words, one of which is a usual name for the texts.
fn is_header(line: &str, separator: char) -> bool {
    let cells = || line.split(separator).map(|cell| cell.trim().trim_matches('"'));
    let is_word = |cell: &str| !cell.contains(char::is_whitespace);
    line.contains(separator) && cells().all(is_word) && cells().any(is_name_of_texts)
}

/// Whether `line` is a usual name for a column of texts, and nothing else.
#[must_use]
pub fn is_name_of_texts(line: &str) -> bool {
    let name = line.trim().trim_matches('"');
    let single = ColumnRole::Text.conventional_names().iter();
    single.chain(PAIRS.as_flattened()).any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_text_is_seen() {
        let check = |line: &str, expected| assert_eq!(Disguise::of(line), expected, "{line}");
        for text in [
            "",
            "text",
            "a warm day",
            "text, label and more",
            "Well, this comment is, as a text, fine",
            "yes,no,maybe",
            "{",
            "{not json}",
            "[1, 2]",
            "[laughs] no",
            "\"quoted\"",
            "a\tb",
        ] {
            let expected = (text == "{").then_some(Disguise::Document);
            check(text, expected);
        }
        check("{\"text\": \"a\"}", Some(Disguise::Object));
        check("{\"a\": 1}\r", Some(Disguise::Object));
        check("[", Some(Disguise::Document));
        check("[{\"text\": \"a\"}]", Some(Disguise::Document));
        check("text,label", Some(Disguise::Header(Format::Csv)));
        check("id, Text", Some(Disguise::Header(Format::Csv)));
        check("\"id\",\"sentence\"", Some(Disguise::Header(Format::Csv)));
        check("sentence\tlabel", Some(Disguise::Header(Format::Tsv)));
        check("Premise,Hypothesis", Some(Disguise::Header(Format::Csv)));
    }
}
