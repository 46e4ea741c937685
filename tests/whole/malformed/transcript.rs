//! What a reader judges: each case with its command, its exit code and the program's words.

use std::collections::BTreeSet;

use expect_test::ExpectFile;

use super::case::{Case, Ending};

/// The exit codes of a faulty input; 70 would be our bug, and 0 has to be expected.
const REFUSALS: std::ops::RangeInclusive<i32> = 1..=6;

/// Runs all cases and compares their transcript.
pub(super) fn check(cases: Vec<Case>, expected: ExpectFile) {
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    let endings: Vec<Ending> = cases.iter().map(Case::run).collect();
    let both = || cases.iter().zip(&endings);
    let transcripts: Vec<String> = both().map(|(case, ending)| transcript(case, ending)).collect();
    expected.assert_eq(&transcripts.join("\n"));
    let faults: Vec<String> = both().filter_map(|(case, ending)| fault(case, ending)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn transcript(case: &Case, Ending { code, stdout, stderr }: &Ending) -> String {
    let code = code.map_or("none".to_owned(), |code| code.to_string());
    let words: Vec<String> = case.line.iter().map(|word| quoted(word)).collect();
    let mut text = format!("## {}\n$ trainer {}\nexit {code}\n", case.name, words.join(" "));
    if let Some(shown) = case.accepted {
        let lines = stdout.lines().filter(|line| line.starts_with(shown));
        lines.for_each(|line| text += &format!("> {}\n", line.trim_end()));
    }
    text + &without_rate(stderr)
}

/// What no ending may be like, whatever the snapshot says.
fn fault(case: &Case, Ending { code, stderr, .. }: &Ending) -> Option<String> {
    let is_bug = stderr.contains("panicked") || stderr.contains("a bug in");
    let is_right = match (case.accepted, code) {
        (Some(_), code) => *code == Some(0),
        (None, Some(code)) => REFUSALS.contains(code) && stderr.starts_with("error: "),
        (None, None) => false,
    };
    (is_bug || !is_right).then(|| format!("{} ended with {code:?}:\n{stderr}", case.name))
}

/// A word as a shell would need it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_graphic() && !"'\"\\$".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("{word:?}")
    }
}

/// The words without how fast it was.
fn without_rate(stderr: &str) -> String {
    let line = |line: &str| match line.rsplit_once(", ") {
        Some((counts, rate)) if rate.ends_with(" texts/s") => format!("{counts}\n"),
        _ => format!("{line}\n"),
    };
    stderr.lines().map(line).collect()
}
