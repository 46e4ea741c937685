//! What a reader judges: each case with its command, its exit code and the program's words.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use expect_test::ExpectFile;

use super::case::{Case, Ending};

/// The exit codes a faulty input may lead to; 70 would be our bug.
const CODES: RangeInclusive<i32> = 0..=6;

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
fn fault(case: &Case, ending: &Ending) -> Option<String> {
    let Ending { code, stderr, .. } = ending;
    let is_expected = match case.accepted {
        Some(_) => *code == Some(0),
        None => *code != Some(0) && stderr.contains("error: "),
    };
    let is_right = is_expected && !is_bug(ending);
    (!is_right).then(|| format!("{} ended with {code:?}:\n{stderr}", case.name))
}

/// Whether the program ended in a way it never should: by a signal, or a panic, or out of time.
pub(super) fn is_bug(Ending { code, stderr, .. }: &Ending) -> bool {
    let is_known = code.is_some_and(|code| CODES.contains(&code));
    !is_known || stderr.contains("panicked") || stderr.contains("a bug in")
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
