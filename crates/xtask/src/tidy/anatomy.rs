//! What a source file consists of: its functions, its public items, and where its tests begin.

use super::lexer::{Kind, Token, tokens};
use super::source::Source;

/// The parts of one file that are measured.
pub(super) struct Anatomy<'a> {
    /// Everything but space and plain comments.
    pub(super) tokens: Vec<Token<'a>>,
    /// Functions with a body, in the order of their beginnings.
    pub(super) functions: Vec<Function<'a>>,
    /// Items and fields that are `pub` and lie before the tests.
    pub(super) public: Vec<Public>,
    /// How many lines lie before the test module; none in a file that is all tests.
    pub(super) lines_before_tests: usize,
    /// For each line, counted from 1, whether it holds code.
    pub(super) code: Vec<bool>,
}

/// A function that has a body.
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) line: usize,
    /// Lines with code between the braces, as clippy's `too_many_lines` counts.
    pub(super) lines: usize,
}

/// Something that other crates see.
pub(super) struct Public {
    pub(super) documented: bool,
}

impl<'a> Anatomy<'a> {
    /// Takes a file apart.
    pub(super) fn of(source: &'a Source) -> Self {
        let tokens = tokens(&source.text);
        let lines = source.text.lines().count();
        let code = code_lines(&tokens, lines);
        let first_test = if source.is_test() { Some(1) } else { test_module(&tokens) };
        let lines_before_tests = first_test.map_or(lines, |line| line - 1);
        Self {
            functions: functions(&tokens, &code),
            public: public_items(&tokens, lines_before_tests),
            lines_before_tests,
            code,
            tokens,
        }
    }

    /// The tokens that lie before the test module.
    pub(super) fn shipped(&self) -> &[Token<'a>] {
        let end = self.tokens.partition_point(|token| token.first_line <= self.lines_before_tests);
        &self.tokens[..end]
    }
}

/// Whether the tokens from `at` on are exactly `texts`.
pub(super) fn spells(tokens: &[Token<'_>], at: usize, texts: &[&str]) -> bool {
    let tail = tokens.get(at..).unwrap_or_default();
    tail.len() >= texts.len() && tail.iter().zip(texts).all(|(token, text)| token.is(text))
}

/// The place after the attribute that begins at `at`, if one does.
pub(super) fn attribute_end(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let open = if spells(tokens, at, &["#", "!", "["]) { at + 2 } else { at + 1 };
    let is_attribute = spells(tokens, at, &["#"]) && spells(tokens, open, &["["]);
    is_attribute.then(|| matching(tokens, open).map_or(tokens.len(), |close| close + 1))
}

fn code_lines(tokens: &[Token<'_>], lines: usize) -> Vec<bool> {
    let mut code = vec![false; lines + 2];
    for token in tokens.iter().filter(|token| token.kind != Kind::Doc) {
        code[token.first_line..=token.last_line].fill(true);
    }
    code
}

fn test_module(tokens: &[Token<'_>]) -> Option<usize> {
    const MARK: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    (0..tokens.len()).find(|&at| spells(tokens, at, &MARK)).map(|at| tokens[at].first_line)
}

fn functions<'a>(tokens: &[Token<'a>], code: &[bool]) -> Vec<Function<'a>> {
    let starts = (0..tokens.len()).filter(|&at| {
        tokens[at].is("fn") && tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Word)
    });
    let found = starts.filter_map(|at| {
        let open = body(tokens, at)?;
        let close = matching(tokens, open)?;
        let (first, last) = (tokens[open].first_line, tokens[close].first_line);
        let inside = code.get(first + 1..last).unwrap_or_default();
        let lines = inside.iter().filter(|&&code| code).count().max(1);
        Some(Function { name: tokens[at + 1].text, line: tokens[at].first_line, lines })
    });
    found.collect()
}

/// The opening brace of the function that begins at `at`; a declaration has none.
fn body(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut place = at;
    loop {
        let token = tokens.get(place)?;
        if token.is("{") {
            return Some(place);
        }
        if token.is(";") {
            return None;
        }
        let opens = token.is("(") || token.is("[");
        place = if opens { matching(tokens, place)? } else { place } + 1;
    }
}

/// The bracket that closes the one at `open`.
fn matching(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        if ["(", "[", "{"].iter().any(|text| token.is(text)) {
            depth += 1;
        } else if [")", "]", "}"].iter().any(|text| token.is(text)) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Some(place);
            }
        }
    }
    None
}

fn public_items(tokens: &[Token<'_>], last_line: usize) -> Vec<Public> {
    let (mut items, mut documented, mut at) = (Vec::new(), false, 0);
    while at < tokens.len() && tokens[at].first_line <= last_line {
        if let Some(end) = attribute_end(tokens, at) {
            at = end;
            continue;
        }
        if let Some(always) = public_item(tokens, at) {
            items.push(Public { documented: documented || always });
        }
        documented = tokens[at].kind == Kind::Doc;
        at += 1;
    }
    items
}

/// Whether an item or a named field that others see begins at `at`; if so, whether it is a module,
/// whose documentation is the file's own first lines.
fn public_item(tokens: &[Token<'_>], at: usize) -> Option<bool> {
    const ITEMS: [&str; 10] =
        ["fn", "struct", "enum", "trait", "const", "static", "type", "union", "unsafe", "async"];
    let next = tokens.get(at + 1).filter(|_| tokens[at].is("pub"))?;
    let is_field = spells(tokens, at + 2, &[":"])
        && !spells(tokens, at + 2, &[":", ":"])
        && next.kind == Kind::Word;
    let is_module = next.is("mod");
    (is_field || is_module || ITEMS.iter().any(|item| next.is(item))).then_some(is_module)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { path: "crates/data/src/a.rs".into(), text: text.to_owned() }
    }

    #[test]
    fn functions_are_measured() {
        let check = |text: &str, expected: &[(&str, usize, usize)]| {
            let source = source(text);
            let anatomy = Anatomy::of(&source);
            let found: Vec<_> =
                anatomy.functions.iter().map(|f| (f.name, f.line, f.lines)).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("fn a() { 1 }", &[("a", 1, 1)]);
        check("\nfn a(\n  x: [u8; 2],\n) {\n  // {\n\n  b();\n  \"}\";\n}", &[("a", 2, 2)]);
        check("trait T { fn a(); fn b() {} }\ntype F = fn(u8);", &[("b", 1, 1)]);
        check("fn a() {\n  fn b() {\n    1\n  }\n}", &[("a", 1, 3), ("b", 2, 1)]);
    }

    #[test]
    fn public_items_are_counted() {
        let check = |text: &str, expected: &[bool]| {
            let source = source(text);
            let anatomy = Anatomy::of(&source);
            let found: Vec<_> = anatomy.public.iter().map(|item| item.documented).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("/// A.\n#[derive(Debug)]\npub struct A {\n  pub a: u8,\n}", &[true, false]);
        check("/// A.\nstruct A;\npub fn b() {}\npub(crate) fn c() {}", &[false]);
        check("pub mod a;\npub use a::B;\npub struct C(pub a::D);", &[true, false]);
        check("#[cfg(test)]\nmod tests {\n  pub fn a() {}\n}", &[]);
    }

    #[test]
    fn tests_begin_at_their_module() {
        let check = |text: &str, expected: usize| {
            assert_eq!(Anatomy::of(&source(text)).lines_before_tests, expected, "{text}");
        };
        check("a\nb\n#[cfg(test)]\nmod tests {}\n", 2);
        check("#[cfg(test)]\nuse a;\nb\n", 3);
        let tests = Source { path: "crates/data/tests/a.rs".into(), text: "a\n".to_owned() };
        assert_eq!(Anatomy::of(&tests).lines_before_tests, 0);
    }
}
