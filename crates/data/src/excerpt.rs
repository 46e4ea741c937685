//! How a user's own text is shown inside a message: short, on one line, in back quotes.
//!
//! A cell can hold a megabyte or a control character; the message that complains of it must not.

const LONGEST: usize = 40;

/// The first characters of `text` in back quotes, control characters escaped.
pub(crate) fn excerpt(text: &str) -> String {
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(LONGEST).map(printable).collect();
    let rest = if characters.next().is_some() { "…" } else { "" };
    format!("`{start}{rest}`")
}

/// The first of `names` as excerpts, with commas between them and the number of those left out.
pub(crate) fn listing<S: AsRef<str>>(names: &[S]) -> String {
    const ROOM: usize = 240;
    let mut shown = String::new();
    for (place, name) in names.iter().enumerate() {
        if shown.len() > ROOM {
            return format!("{shown} and {} more", names.len() - place);
        }
        let comma = if place == 0 { "" } else { ", " };
        shown = format!("{shown}{comma}{}", excerpt(name.as_ref()));
    }
    shown
}

fn printable(character: char) -> String {
    if character == '\0' {
        // Between the texts of a pair.
        " | ".to_owned()
    } else if character.is_control() {
        character.escape_default().to_string()
    } else {
        character.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_shown_short_and_on_one_line() {
        let check = |text: &str, shown: &str| assert_eq!(excerpt(text), shown);
        check("", "``");
        check("naïve 漢字", "`naïve 漢字`");
        check("two\nlines\u{7}", "`two\\nlines\\u{7}`");
        check(&"x".repeat(40), &format!("`{}`", "x".repeat(40)));
        check(&"x".repeat(41), &format!("`{}…`", "x".repeat(40)));
    }

    #[test]
    fn a_long_list_is_counted_instead() {
        assert_eq!(listing(&["a", "b"]), "`a`, `b`");
        assert!(listing(&vec!["long name"; 30]).ends_with("`long name` and 11 more"));
    }
}
