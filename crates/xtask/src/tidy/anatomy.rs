//! What a source file consists of: its tokens, and where its tests begin.

use super::lexer::{Token, tokens};
use super::source::Source;

/// The parts of one file that the rules look at.
pub(super) struct Anatomy<'a> {
    /// Everything but space and plain comments.
    pub(super) tokens: Vec<Token<'a>>,
    /// How many lines lie before the test module; none in a file that is all tests.
    pub(super) lines_before_tests: usize,
}

impl<'a> Anatomy<'a> {
    /// Takes a file apart.
    pub(super) fn of(source: &'a Source) -> Self {
        let tokens = tokens(&source.text);
        let lines = source.text.lines().count();
        let first_test = if source.is_test() { Some(1) } else { test_module(&tokens) };
        Self { lines_before_tests: first_test.map_or(lines, |line| line - 1), tokens }
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

fn test_module(tokens: &[Token<'_>]) -> Option<usize> {
    const MARK: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    (0..tokens.len()).find(|&at| spells(tokens, at, &MARK)).map(|at| tokens[at].first_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_begin_at_their_module() {
        let check = |path: &str, text: &str, expected: usize| {
            let source = Source { path: path.into(), text: text.to_owned() };
            assert_eq!(Anatomy::of(&source).lines_before_tests, expected, "{text}");
        };
        check("crates/data/src/a.rs", "a\nb\n#[cfg(test)]\nmod tests {}\n", 2);
        check("crates/data/src/a.rs", "#[cfg(test)]\nuse a;\nb\n", 3);
        check("crates/data/tests/a.rs", "a\n", 0);
    }
}
