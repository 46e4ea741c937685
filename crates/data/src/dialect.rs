//! How tables and texts are written, as far as the user says it.

use std::fmt;

use encoding_rs::{Encoding, UTF_8};
use serde::{Deserialize, Serialize, Serializer};

use crate::format::Format;

/// How the files of a set are written, where the user says it; else content and name tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dialect {
    /// What the first line of a table is.
    pub header: Header,
    /// What separates the cells of a table.
    pub delimiter: Option<Delimiter>,
    /// The encoding of a text.
    pub encoding: Option<TextEncoding>,
}

/// How one file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    pub(crate) format: Format,
    /// What the user says of it.
    pub(crate) dialect: Dialect,
}

impl Writing {
    /// The format, and the delimiter where it is not the format's own: quotes mean something then.
    pub(crate) fn separated(self) -> (Format, Option<Delimiter>) {
        let own = if self.format == Format::Tsv { Delimiter::TAB } else { Delimiter::COMMA };
        match self.dialect.delimiter.filter(|_| self.format.is_separated()) {
            Some(other) if other != own => (Format::Csv, Some(other)),
            _ => (self.format, None),
        }
    }
}

impl From<Format> for Writing {
    fn from(format: Format) -> Self {
        Self { format, dialect: Dialect::default() }
    }
}

/// What the first line of a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Header {
    /// The names of the columns.
    #[default]
    Names,
    /// A row: the columns are called by their numbers, counted from 1.
    Absent,
}

/// A character between the cells of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delimiter(u8);

impl Delimiter {
    /// Tab, in whose tables quotes are letters unless the file is a `.csv`.
    pub(crate) const TAB: Self = Self(b'\t');
    /// Comma.
    pub(crate) const COMMA: Self = Self(b',');
    /// Those that are looked for where none is given.
    pub(crate) const USUAL: [Self; 4] = [Self::TAB, Self::COMMA, Self(b';'), Self(b'|')];

    /// The one that `text` is or names: one ASCII character that is not a letter, a digit or a quote, or
    /// `tab`, `comma`, `semicolon`, `pipe`, `space` or `\t`.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let byte = match text {
            "tab" | "\\t" => b'\t',
            "comma" => b',',
            "semicolon" => b';',
            "pipe" => b'|',
            "space" => b' ',
            text => <[u8; 1]>::try_from(text.as_bytes()).ok()?[0],
        };
        let is_possible =
            byte == b'\t' || byte == b' ' || byte.is_ascii_punctuation() && byte != b'"';
        is_possible.then_some(Self(byte))
    }

    /// Its byte.
    pub(crate) fn byte(self) -> u8 {
        self.0
    }
}

/// `tabs`, `commas` or the character in quotes, to follow "cells separated by".
impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => f.write_str("tabs"),
            b',' => f.write_str("commas"),
            b' ' => f.write_str("spaces"),
            other => write!(f, "{:?}", char::from(other).to_string()),
        }
    }
}

/// An encoding of the Encoding Standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextEncoding(&'static Encoding);

impl Serialize for TextEncoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl TextEncoding {
    /// The one with this label, as browsers or as Python spell it: `windows-1252`, `cp1252`, `latin-1`,
    /// `utf_16`, `Shift_JIS`. As in browsers `latin-1` is windows-1252, and `utf-16` without a byte order
    /// mark is little-endian.
    #[must_use]
    pub fn named(label: &str) -> Option<Self> {
        let python = label.replace('_', "-");
        let python = python.strip_suffix("-sig").unwrap_or(&python);
        let joined = python.replace('-', "").to_lowercase();
        let joined = match joined.as_str() {
            "utf16le" => "utf-16le",
            "utf16be" => "utf-16be",
            "utf16" => "utf-16",
            other => other,
        };
        let known = [label, python, joined].into_iter();
        known
            .filter_map(|label| Encoding::for_label_no_replacement(label.as_bytes()))
            .map(Self)
            .next()
    }

    /// The encoding, where it is not UTF-8.
    pub(crate) fn foreign(self) -> Option<&'static Encoding> {
        (self.0 != UTF_8).then_some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_characters_or_words() {
        let check = |text: &str, byte: Option<u8>| {
            assert_eq!(Delimiter::named(text).map(Delimiter::byte), byte, "{text:?}");
        };
        check(";", Some(b';'));
        check("|", Some(b'|'));
        check("\t", Some(b'\t'));
        check("\\t", Some(b'\t'));
        check("tab", Some(b'\t'));
        check("space", Some(b' '));
        for other in ["", "\"", "\n", "a", "1", "ä", ";;", "\0"] {
            check(other, None);
        }
    }

    #[test]
    fn encodings_have_the_names_of_browsers_and_of_python() {
        let check = |label: &str, name: Option<&str>| {
            let found = TextEncoding::named(label).map(|encoding| encoding.0.name());
            assert_eq!(found, name, "{label}");
        };
        for label in ["windows-1252", "WINDOWS-1252", "cp1252", "latin-1", "latin1", "ISO-8859-1"] {
            check(label, Some("windows-1252"));
        }
        for label in ["utf-8", "UTF8", "utf_8", "utf-8-sig"] {
            check(label, Some("UTF-8"));
        }
        for label in ["utf-16", "utf_16", "utf16", "utf-16-le", "UTF-16LE"] {
            check(label, Some("UTF-16LE"));
        }
        check("utf-16-be", Some("UTF-16BE"));
        check("shift_jis", Some("Shift_JIS"));
        check("gb18030", Some("gb18030"));
        check("iso-8859-15", Some("ISO-8859-15"));
        for label in ["", "cp437", "utf-7", "iso-2022-kr", "rot13"] {
            check(label, None);
        }
    }
}
