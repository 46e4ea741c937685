//! Words: which crates may name a flag, and phrases that have no right use.

use std::ops::Range;

use super::anatomy::Anatomy;
use super::lexer::Kind;
use super::source::Source;

/// Crates that know no command line. Their errors have a remedy as a value, which `trainer-cli` spells.
const LIBRARIES: [&str; 13] = [
    "data",
    "gpu",
    "model",
    "params",
    "torch-file",
    "weights-index",
    "optim",
    "trainer",
    "collective",
    "kernels",
    "program",
    "world",
    "reviews",
];

/// Flags of other programs, which a library may tell a user to pass.
const FOREIGN_FLAGS: [&str; 4] = ["--gpus", "--nv", "--no-default-features", "--rdzv-backend"];

/// Phrases that make a reader stop, and what to write instead.
const BANNED: [(&str, &str); 9] = [
    ("whoever", "name the reader, the rank or the program"),
    ("nobody", "say what does not do it"),
    ("somebody", "say who"),
    ("goes on", "resumes, or continues"),
    ("gone on", "resumed, or continued"),
    ("ends well", "exits with 0"),
    ("plainly", "clearly, or leave it out"),
    ("borne", "tolerated, or allowed"),
    ("a bug of ours", "a bug"),
];

/// The generated reviews may say what they like, and this crate has to name the phrases.
const EXEMPT: [&str; 2] = ["reviews", "xtask"];
/// Made from the snapshots of messages, which have rules of their own.
const GENERATED: &str = "docs/errors.md";

/// A line, and what is wrong with it.
pub(super) type Finding = (usize, String);

/// Flags of ours in the strings and the documentation of a library's shipped code.
pub(super) fn flags(source: &Source, anatomy: &Anatomy<'_>) -> Vec<Finding> {
    let in_library = LIBRARIES.contains(&source.krate()) && !source.is_test();
    if !in_library {
        return Vec::new();
    }
    let texts =
        anatomy.shipped().iter().filter(|token| matches!(token.kind, Kind::Literal | Kind::Doc));
    let found = texts.flat_map(|token| {
        let flags = flags_of(token.text).filter(|flag| !FOREIGN_FLAGS.contains(flag));
        flags.map(|flag| {
            let message = format!("a library names the flag `{flag}`: return a remedy instead");
            (token.first_line, message)
        })
    });
    found.collect()
}

/// The words of `text` that begin like flags.
fn flags_of(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |character: char| character.is_ascii_lowercase() || character == '-';
    text.split(move |character: char| !is_part(character) && !character.is_ascii_digit())
        .filter(|word| word.starts_with("--") && word[2..].starts_with(|c: char| c.is_alphabetic()))
}

/// Banned phrases of a Rust file or a document, where all of them have been rewritten.
pub(super) fn phrases(source: &Source) -> Vec<Finding> {
    let is_prose = source.is_rust() || source.has_extension("md");
    let is_exempt = EXEMPT.contains(&source.krate());
    if !is_prose || is_exempt || source.path.ends_with(GENERATED) {
        return Vec::new();
    }
    let lines = (1..).zip(source.text.lines());
    let found = lines.flat_map(|(number, line)| {
        let line = line.to_lowercase();
        let banned = BANNED.iter().filter(move |(phrase, _)| has_words(&line, phrase));
        banned.map(move |(phrase, instead)| (number, format!("`{phrase}`: write {instead}")))
    });
    found.collect()
}

/// Whether `phrase` is in `line` as whole words.
fn has_words(line: &str, phrase: &str) -> bool {
    let is_end = |range: Range<usize>| !line[range].chars().any(char::is_alphanumeric);
    line.match_indices(phrase).any(|(at, found)| {
        let before = line[..at].char_indices().next_back().map_or(at, |(before, _)| before);
        let end = at + found.len();
        let after = line[end..].chars().next().map_or(end, |next| end + next.len_utf8());
        is_end(before..at) && is_end(end..after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn libraries_name_no_flag() {
        let check = |path: &str, text: &str, expected: &[usize]| {
            let source = source(path, text);
            let found = flags(&source, &Anatomy::of(&source));
            let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, expected, "{text}: {found:?}");
        };
        let path = "crates/data/src/a.rs";
        check(path, "//! A.\nconst A: &str = \"pass --device cpu\";\n", &[2]);
        check(path, "//! A.\n/// See `--device`.\nconst A: u8 = 1;\n", &[2]);
        check(path, "//! A.\nconst A: &str = \"a -- b, a--b, 1--2 or ---\";\n", &[]);
        check(path, "//! A.\nconst A: &str = \"docker --gpus all\";\n", &[]);
        check(path, "//! A.\n#[cfg(test)]\nmod tests { const A: &str = \"--device\"; }\n", &[]);
        check("crates/trainer-cli/src/a.rs", "//! A.\nconst A: &str = \"--device\";\n", &[]);
    }

    #[test]
    fn banned_phrases_are_found_as_words() {
        let check = |path: &str, text: &str, expected: &[usize]| {
            let found = phrases(&source(path, text));
            let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, expected, "{text}: {found:?}");
        };
        check("crates/data/src/a.rs", "//! A.\n// Nobody reads it.\n", &[2]);
        check("crates/data/src/a.rs", "//! A.\nconst A: &str = \"the run goes on\";\n", &[2]);
        check("crates/data/src/a.rs", "//! A.\n// airborne; é nobody_else\n", &[2]);
        check("crates/data/src/a.rs", "//! A.\n// airborne, stubborne\n", &[]);
        check("crates/xtask/src/a.rs", "//! A.\n// nobody\n", &[]);
    }
}
