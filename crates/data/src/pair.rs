//! Two texts that are classified together, as one string.
//!
//! No text of a data file has a NUL (such a row cannot be used), so one is put between the two. A pair
//! is then stored, compared and held out as any text is, and only what shows it or makes tokens of
//! it looks inside.

use std::borrow::Cow;

/// What is between the two texts.
const BETWEEN: char = '\0';

/// The pair of two texts.
#[must_use]
pub fn paired(first: &str, second: &str) -> String {
    format!("{first}{BETWEEN}{second}")
}

/// A text, or the two texts of a pair.
#[must_use]
pub fn texts_of(text: &str) -> (&str, Option<&str>) {
    match text.split_once(BETWEEN) {
        Some((first, second)) => (first, Some(second)),
        None => (text, None),
    }
}

/// The text as a line that `predict` reads: a pair with a tab between its texts.
pub(crate) fn as_line(text: &str) -> Cow<'_, str> {
    match texts_of(text) {
        (first, Some(second)) => format!("{first}\t{second}").into(),
        (text, None) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_its_texts_again() {
        assert_eq!(texts_of(&paired("a b", "c")), ("a b", Some("c")));
        assert_eq!(texts_of("a b"), ("a b", None));
        assert_eq!(texts_of(&paired("", "")), ("", Some("")));
    }
}
