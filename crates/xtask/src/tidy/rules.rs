//! The limits, and what breaks them.

use std::fmt;
use std::path::PathBuf;

use super::anatomy::{Anatomy, spells};
use super::circles;
use super::lexer::Kind;
use super::parameters;
use super::prose;
use super::references;
use super::source::Source;

const FILE_LINES: usize = 300;

/// Names that say nothing about what a module is.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "common", "helper", "helpers", "manager", "managers", "base", "imp"];

/// Crates that talk to the world around them; all others leave that to their callers. Build scripts
/// are asked by cargo, through variables.
const OUTWARD: [&str; 8] =
    ["host", "join", "trainer-cli", "launcher", "testkit", "xtask", "benches", "examples"];

/// What only the outward crates may call, as `module::function`.
const OUTWARD_CALLS: [(&str, &[&str]); 2] = [
    ("env", &["args", "args_os", "var", "var_os", "vars", "vars_os", "set_var", "remove_var"]),
    ("process", &["abort", "exit"]),
];

/// A place that breaks a rule.
pub(super) struct Fault {
    path: PathBuf,
    line: usize,
    message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.message)
    }
}

/// The faults of any file: space at the end of a line, no newline at the end of the file, banned
/// phrases.
///
/// A string may hold such lines, so only those are faults whose end is not inside a literal.
pub(super) fn text_faults(source: &Source) -> Vec<Fault> {
    let anatomy = source.is_rust().then(|| Anatomy::of(source));
    let literals = anatomy.iter().flat_map(|anatomy| &anatomy.tokens);
    let inside: Vec<_> = literals
        .filter(|token| token.kind == Kind::Literal)
        .map(|token| token.first_line..token.last_line)
        .collect();
    let trailing = (1..).zip(source.text.lines()).filter(|(number, line)| {
        line.trim_end() != *line && !inside.iter().any(|lines| lines.contains(number))
    });
    let mut faults: Vec<_> =
        trailing.map(|(number, _)| fault(source, number, "space at the end of the line")).collect();
    let phrases = prose::phrases(source).into_iter();
    faults.extend(phrases.map(|(line, message)| fault(source, line, &message)));
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        let last = source.text.lines().count();
        faults.push(fault(source, last, "the file does not end with a newline"));
    }
    faults
}

/// The faults of what documents say about the code.
pub(super) fn reference_faults(sources: &[Source]) -> Vec<Fault> {
    let dangling = references::dangling(sources).into_iter();
    let faults = dangling.map(|(document, line, reference)| {
        fault(
            document,
            line,
            &format!("`{reference}` is not there: name the test that took its place"),
        )
    });
    faults.collect()
}

/// The files that need each other.
pub(super) fn circle_faults(sources: &[&Source], anatomies: &[Anatomy<'_>]) -> Vec<Fault> {
    let circles = circles::circles(sources, anatomies).into_iter();
    let faults = circles.map(|circle| {
        let message = format!(
            "a circle of siblings: {}; move what both use to a file of its own",
            circle.needs.join("; ")
        );
        fault(circle.source, 1, &message)
    });
    faults.collect()
}

/// The faults of a Rust file.
pub(super) fn rust_faults(source: &Source, anatomy: &Anatomy<'_>) -> Vec<Fault> {
    let rules: [fn(&Source, &Anatomy<'_>) -> Vec<Fault>; 6] =
        [opening, file_length, names, outward_calls, tuple_parameters, flags];
    rules.iter().flat_map(|rule| rule(source, anatomy)).collect()
}

fn opening(source: &Source, _: &Anatomy<'_>) -> Vec<Fault> {
    if source.text.starts_with("//!") {
        return Vec::new();
    }
    vec![fault(source, 1, "does not open with `//!`: say what the file owns and why it is so")]
}

fn file_length(source: &Source, anatomy: &Anatomy<'_>) -> Vec<Fault> {
    let lines = anatomy.lines_before_tests;
    if lines <= FILE_LINES {
        return Vec::new();
    }
    let message =
        format!("{lines} lines before the tests, at most {FILE_LINES}: split it by concept");
    vec![fault(source, FILE_LINES + 1, &message)]
}

fn names(source: &Source, anatomy: &Anatomy<'_>) -> Vec<Fault> {
    let path = source.path.with_extension("");
    let files = path.iter().filter_map(|part| part.to_str()).map(|name| (1, name));
    let modules = anatomy.tokens.windows(2).filter(|pair| pair[0].is("mod"));
    let inline = modules.map(|pair| (pair[1].first_line, pair[1].text));
    let empty = files.chain(inline).filter(|(_, name)| EMPTY_NAMES.contains(name));
    let faults = empty.map(|(line, name)| {
        fault(source, line, &format!("a module named `{name}`: name it after what it holds"))
    });
    faults.collect()
}

fn outward_calls(source: &Source, anatomy: &Anatomy<'_>) -> Vec<Fault> {
    if OUTWARD.contains(&source.krate()) || source.path.ends_with("build.rs") {
        return Vec::new();
    }
    let tokens = anatomy.shipped();
    let found = (0..tokens.len()).filter_map(|at| {
        let (module, calls) = OUTWARD_CALLS.iter().find(|(module, _)| tokens[at].is(module))?;
        let call = calls.iter().find(|call| spells(tokens, at + 1, &[":", ":", call]))?;
        let message = format!("`{module}::{call}` in a library: let the caller decide");
        Some(fault(source, tokens[at].first_line, &message))
    });
    found.collect()
}

fn tuple_parameters(source: &Source, anatomy: &Anatomy<'_>) -> Vec<Fault> {
    if source.krate() == "benches" {
        return Vec::new();
    }
    let lines = parameters::tuples(anatomy.shipped()).into_iter();
    let message = "a parameter is a tuple: give each part a name, or all of them a struct";
    lines.map(|line| fault(source, line, message)).collect()
}

fn flags(source: &Source, anatomy: &Anatomy<'_>) -> Vec<Fault> {
    let found = prose::flags(source, anatomy).into_iter();
    found.map(|(line, message)| fault(source, line, &message)).collect()
}

fn fault(source: &Source, line: usize, message: &str) -> Fault {
    Fault { path: source.path.clone(), line, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &[&str]) {
        let source = Source { path: path.into(), text: text.to_owned() };
        let mut faults = text_faults(&source);
        if source.is_rust() {
            faults.extend(rust_faults(&source, &Anatomy::of(&source)));
        }
        let found: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn text_is_clean() {
        check("a.md", "a\nb\n", &[]);
        check("a.md", "", &[]);
        check("a.md", "a \nb\n", &["a.md:1: space at the end of the line"]);
        check("a.md", "a\nb", &["a.md:2: the file does not end with a newline"]);
        check("crates/data/src/a.rs", "//! A.\nconst A: &str = \"a \nb\";\n", &[]);
    }

    #[test]
    fn rust_follows_the_rules() {
        let path = "crates/data/src/a.rs";
        check(path, "//! A.\n\nfn a() {}\n", &[]);
        check(
            path,
            "fn a() {}\n",
            &[
                "crates/data/src/a.rs:1: does not open with `//!`: say what the file owns and why it \
               is so",
            ],
        );
        check(
            path,
            "//! A.\nmod utils {}\n",
            &["crates/data/src/a.rs:2: a module named `utils`: name it after what it holds"],
        );
        check(
            "crates/data/src/helper.rs",
            "//! A.\n",
            &["crates/data/src/helper.rs:1: a module named `helper`: name it after what it holds"],
        );
    }

    #[test]
    fn only_outward_crates_look_outward() {
        let text =
            "//! A.\nfn a() { std::env::var(A); }\n#[cfg(test)]\nmod tests { env::var(A); }\n";
        let fault = "crates/data/src/a.rs:2: `env::var` in a library: let the caller decide";
        check("crates/data/src/a.rs", text, &[fault]);
        check("crates/launcher/src/a.rs", text, &[]);
        check("crates/data/build.rs", text, &[]);
    }

    #[test]
    fn shipped_functions_take_no_tuples() {
        let path = "crates/data/src/a.rs";
        let text = "//! A.\nfn a((b, c): (B, C)) {}\n";
        let fault = "crates/data/src/a.rs:2: a parameter is a tuple: give each part a name, or all of \
                     them a struct";
        check(path, text, &[fault]);
        check(path, "//! A.\n#[cfg(test)]\nmod tests { fn a((b, c): (B, C)) {} }\n", &[]);
        check("crates/data/tests/a.rs", text, &[]);
        check("benches/a.rs", text, &[]);
    }

    #[test]
    fn length_is_limited() {
        let path = "crates/data/src/a.rs";
        let file =
            |lines: usize| format!("//! A.\n{}#[cfg(test)]\nmod tests {{}}\n", "\n".repeat(lines));
        check(path, &file(299), &[]);
        check(
            path,
            &file(300),
            &[
                "crates/data/src/a.rs:301: 301 lines before the tests, at most 300: split it by concept",
            ],
        );
    }
}
