//! The paths within a crate that a file names: in its `use` lines, and wherever else one begins
//! with `crate`, `super` or `self`.

use super::lexer::{Kind, Token};

/// A path, and the name that it has in the file if a `use` gave it one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    pub(super) name: Option<String>,
}

/// All of them in order. Paths of other crates are among them, and lead nowhere.
pub(super) fn imports(tokens: &[Token<'_>]) -> Vec<Import> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if tokens[at].is("use") {
            let mut tree = Tree { tokens, at: at + 1, found: Vec::new() };
            tree.read(&[]);
            at = tree.at;
            found.append(&mut tree.found);
        } else if starts_a_path(tokens, at) {
            let mut tree = Tree { tokens, at, found: Vec::new() };
            tree.read(&[]);
            at = tree.at;
            found.extend(tree.found.into_iter().map(|import| Import { name: None, ..import }));
        }
        at += 1;
    }
    found
}

fn starts_a_path(tokens: &[Token<'_>], at: usize) -> bool {
    let roots = ["crate", "super", "self"];
    roots.iter().any(|root| tokens[at].is(root)) && is_separator(tokens, at + 1)
}

fn is_separator(tokens: &[Token<'_>], at: usize) -> bool {
    [at, at + 1].iter().all(|place| tokens.get(*place).is_some_and(|token| token.is(":")))
}

/// Reads `a::{b, c::D as E}` from a place on.
struct Tree<'a, 'b> {
    tokens: &'b [Token<'a>],
    at: usize,
    found: Vec<Import>,
}

impl Tree<'_, '_> {
    fn is(&self, text: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|token| token.is(text))
    }

    fn word(&self) -> Option<&str> {
        self.tokens.get(self.at).filter(|token| token.kind == Kind::Word).map(|token| token.text)
    }

    fn read(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        loop {
            if self.is("{") {
                return self.group(&path);
            }
            let Some(word) = self.word() else { return self.end(path, None) };
            path.push(word.to_owned());
            self.at += 1;
            if !is_separator(self.tokens, self.at) {
                break;
            }
            self.at += 2;
        }
        if self.is("as") {
            self.at += 1;
            let name = self.word().map(str::to_owned);
            self.at += 1;
            return self.end(path, name);
        }
        let name = path.last().cloned();
        self.end(path, name);
    }

    fn group(&mut self, prefix: &[String]) {
        self.at += 1;
        while self.at < self.tokens.len() && !self.is("}") {
            self.read(prefix);
            while self.is(",") || self.is("*") {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    fn end(&mut self, path: Vec<String>, name: Option<String>) {
        self.found.push(Import { path, name });
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokens;
    use super::*;

    #[test]
    fn trees_are_spread_out() {
        let check = |text: &str, expected: &[(&str, Option<&str>)]| {
            let found = imports(&tokens(text));
            let shown: Vec<_> = found
                .iter()
                .map(|import| (import.path.join("::"), import.name.as_deref()))
                .collect();
            let expected: Vec<_> =
                expected.iter().map(|(path, name)| ((*path).to_owned(), *name)).collect();
            assert_eq!(shown, expected, "{text}");
        };
        check("use a::b;", &[("a::b", Some("b"))]);
        check("pub use a::b as c;", &[("a::b", Some("c"))]);
        check(
            "use crate::{a, b::{C, d}};",
            &[("crate::a", Some("a")), ("crate::b::C", Some("C")), ("crate::b::d", Some("d"))],
        );
        check("use a::*;", &[("a", None)]);
        check("fn f() { crate::a::b(super::c) }", &[("crate::a::b", None), ("super::c", None)]);
        check("fn f(self) { self.a() }", &[]);
    }
}
