//! Cuts Rust source into tokens: enough to tell code from comments and strings, and no more.
//!
//! A full parser would be the largest dependency of this workspace, for the smallest of its crates.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word,
    /// One character of punctuation, or a lifetime.
    Sign,
    /// A number, a character or a string.
    Literal,
    /// Documentation of the item that follows.
    Doc,
}

/// A piece of source with the lines, counted from 1, that it lies on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) first_line: usize,
    pub(super) last_line: usize,
}

impl Token<'_> {
    /// Whether this is the punctuation or name `text`; a string never is.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Sign) && self.text == text
    }
}

/// All tokens in order, without space and plain comments.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while !rest.is_empty() {
        let (kind, length) = first_token(rest);
        let (text, tail) = rest.split_at(length);
        let last_line = line + text.matches('\n').count();
        tokens.extend(kind.map(|kind| Token { kind, text, first_line: line, last_line }));
        (rest, line) = (tail, last_line);
    }
    tokens
}

/// The kind, if it counts, and the length of what `rest` begins with.
fn first_token(rest: &str) -> (Option<Kind>, usize) {
    let first = rest.chars().next().unwrap_or_default();
    if first.is_whitespace() {
        (None, first.len_utf8())
    } else if rest.starts_with("//") {
        (line_comment(rest), rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        (block_comment(rest), block_comment_length(rest))
    } else if let Some(length) = string_length(rest) {
        (Some(Kind::Literal), length)
    } else if first == '\'' {
        quoted(rest)
    } else if first.is_alphabetic() || first == '_' {
        (Some(Kind::Word), word_length(rest))
    } else if first.is_ascii_digit() {
        (Some(Kind::Literal), number_length(rest))
    } else {
        (Some(Kind::Sign), first.len_utf8())
    }
}

fn line_comment(rest: &str) -> Option<Kind> {
    (rest.starts_with("///") && !rest.starts_with("////")).then_some(Kind::Doc)
}

fn block_comment(rest: &str) -> Option<Kind> {
    let documents =
        rest.starts_with("/**") && !rest.starts_with("/***") && !rest.starts_with("/**/");
    documents.then_some(Kind::Doc)
}

/// Block comments nest.
fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        if tail.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if tail.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += 1;
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of `"…"`, `b"…"`, `c"…"`, `r#"…"#` and their combinations.
fn string_length(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(rest.len());
    let is_raw = rest[..prefix].ends_with('r');
    let after = &rest[prefix..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    if prefix > 2 || !after[hashes..].starts_with('"') || (hashes > 0 && !is_raw) {
        return None;
    }
    let open = prefix + hashes + 1;
    let body = &rest[open..];
    let close = format!("\"{}", "#".repeat(hashes));
    let length = if is_raw { body.find(&close) } else { unescaped(body, b'"') };
    Some(length.map_or(rest.len(), |length| open + length + close.len()))
}

/// A character such as `'a'` or `'\n'`, or else a lifetime such as `'a`.
fn quoted(rest: &str) -> (Option<Kind>, usize) {
    let body = &rest[1..];
    let mut chars = body.chars();
    let is_char = chars.next() == Some('\\') || chars.next() == Some('\'');
    if !is_char {
        return (Some(Kind::Sign), 1 + word_length(body));
    }
    (Some(Kind::Literal), unescaped(body, b'\'').map_or(rest.len(), |length| length + 2))
}

/// The place of the first `end` that no backslash precedes.
fn unescaped(body: &str, end: u8) -> Option<usize> {
    let mut escaped = false;
    body.bytes().position(|byte| {
        let found = byte == end && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })
}

fn word_length(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
}

fn number_length(rest: &str) -> usize {
    let whole = word_length(rest);
    let fraction = rest[whole..].strip_prefix('.').unwrap_or_default();
    if fraction.starts_with(|c: char| c.is_ascii_digit()) {
        whole + 1 + word_length(fraction)
    } else {
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[(Kind, &str)]) {
        let found: Vec<_> = tokens(source).iter().map(|token| (token.kind, token.text)).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn code_is_told_from_comments_and_strings() {
        use Kind::{Doc, Literal, Sign, Word};
        check("fn a", &[(Word, "fn"), (Word, "a")]);
        check("// {\n//! {\n//// {\n/// {", &[(Doc, "/// {")]);
        check("/* { /* } */ { */ x /** y */", &[(Word, "x"), (Doc, "/** y */")]);
        check(r#" "a\"{" b "#, &[(Literal, r#""a\"{""#), (Word, "b")]);
        check(r##"r#"a"{"# b"##, &[(Literal, r##"r#"a"{"#"##), (Word, "b")]);
        check(r#"br"\" c"#, &[(Literal, r#"br"\""#), (Word, "c")]);
        check(
            r"'{' '\'' '\u{1F}'",
            &[(Literal, "'{'"), (Literal, r"'\''"), (Literal, r"'\u{1F}'")],
        );
        check("&'a str", &[(Sign, "&"), (Sign, "'a"), (Word, "str")]);
        check("0..2.5_f32", &[(Literal, "0"), (Sign, "."), (Sign, "."), (Literal, "2.5_f32")]);
        check("r#type", &[(Word, "r"), (Sign, "#"), (Word, "type")]);
        check("\"open", &[(Literal, "\"open")]);
    }

    #[test]
    fn lines_are_counted() {
        let found: Vec<_> =
            tokens("a\n\"b\n\"\nc").iter().map(|t| (t.first_line, t.last_line)).collect();
        assert_eq!(found, [(1, 1), (2, 3), (4, 4)]);
    }
}
