//! Files in the commands that messages propose.

use std::path::Path;

use crate::format::Format;

/// A path as a word of a command line, where it is one without quotes.
pub(crate) fn word(path: &Path) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+=,@".contains(c);
    match path.to_str() {
        Some(text) if text.chars().all(plain) && !text.starts_with('-') => text.to_owned(),
        _ => "OLD".to_owned(),
    }
}

/// What a file may be called that is made of `path`.
pub(crate) fn new_name(path: &Path) -> &'static str {
    match Format::of(path) {
        Some(Format::Tsv) => "NEW.tsv",
        Some(Format::Csv) => "NEW.csv",
        Some(Format::Jsonl) => "NEW.jsonl",
        Some(Format::Json) => "NEW.json",
        _ => "NEW.txt",
    }
}
