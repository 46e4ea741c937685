//! What became of the tests: a sum over what each test program prints.
//!
//! libtest counts a test that skips itself as passed, and one that is started by another test as
//! ignored. Here the first is skipped, with the reason that `lockstep_testkit::skip` wrote, and the
//! second is no test of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How the reason of an ignored test begins that another test starts as a process of its own.
const CHILD: &str = "one rank: ";

/// What follows the name of a test that skipped only some of its cases.
const IN_PART: &str = " in part";

/// Counts over all test programs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    /// The names of tests that were skipped, as a whole or in part, by reason.
    reasons: BTreeMap<String, BTreeSet<String>>,
    /// The tests of the program now running that skipped themselves.
    unable: BTreeSet<String>,
    /// What libtest had written of a line when a test wrote its own into it.
    begun: String,
}

impl Tally {
    /// Takes in the next line of the output of `cargo test`.
    pub(crate) fn count(&mut self, line: &str) {
        let line = std::mem::take(&mut self.begun) + line;
        if let Some((before, name, reason)) = skip_in(&line) {
            self.list(name, reason);
            if !name.ends_with(IN_PART) {
                self.unable.insert(name.to_owned());
            }
            self.begun =
                if before.starts_with("test ") { before.to_owned() } else { String::new() };
        } else if let Some((name, reason)) = ignored(&line) {
            if !reason.starts_with(CHILD) {
                self.list(name, reason);
                self.skipped += 1;
            }
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.close(counts);
        }
    }

    /// How many tests were skipped, by reason, with their names; empty if none was.
    pub(crate) fn skips(&self) -> String {
        let groups = self.reasons.iter().map(|(reason, names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("skipped {}: {reason}\n  {}\n", names.len(), names.join("\n  "))
        });
        groups.collect()
    }

    fn list(&mut self, name: &str, reason: &str) {
        self.reasons.entry(reason.to_owned()).or_default().insert(name.to_owned());
    }

    /// Adds the counts of `ok. 5 passed; 0 failed; 1 ignored; …`.
    fn close(&mut self, counts: &str) {
        let words: Vec<&str> =
            counts.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<usize>() else { continue };
            match pair[1] {
                "passed" => self.passed += number.saturating_sub(self.unable.len()),
                "failed" => self.failed += number,
                _ => {}
            }
        }
        self.skipped += self.unable.len();
        self.unable.clear();
    }
}

/// What precedes `skipped NAME: REASON` on a line, the name and the reason.
fn skip_in(line: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = line.split_once("skipped ")?;
    let (name, reason) = rest.split_once(": ")?;
    let has_one_word = !name.trim_end_matches(IN_PART).contains(' ');
    has_one_word.then_some((before, name, reason))
}

/// The name and the reason of `test NAME ... ignored, REASON`.
fn ignored(line: &str) -> Option<(&str, &str)> {
    let (name, end) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    Some((name, end.strip_prefix(", ").unwrap_or("no reason given")))
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, counts: &str, skips: &str) {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.count(line));
        assert_eq!((tally.to_string().as_str(), tally.skips().as_str()), (counts, skips));
    }

    #[test]
    fn closing_lines_are_summed() {
        let lines = "running 6 tests\n\
            test result: ok. 6 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.01s\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.25s\n";
        check(lines, "9 passed, 2 failed, 0 skipped", "");
    }

    #[test]
    fn a_test_that_skips_itself_did_not_pass() {
        let lines = "skipped gpu::a: no GPU: none\nskipped gpu::a: no GPU: none\ntest gpu::a ... ok\n\
            3 rows skipped of a.tsv: 1, 2\nskipped b: no GPU: none\ntest c ... ok\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; finished in 0.01s\n";
        let skips = "skipped 2: no GPU: none\n  b\n  gpu::a\n";
        check(lines, "1 passed, 0 failed, 2 skipped", skips);
    }

    #[test]
    fn a_test_with_two_reasons_counts_once_and_one_with_some_cases_passed() {
        let lines = "skipped a: no MPI\nskipped a: no NCCL\nskipped b in part: no MPI\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; finished in 0.01s\n";
        let skips = "skipped 2: no MPI\n  a\n  b in part\nskipped 1: no NCCL\n  a\n";
        check(lines, "2 passed, 0 failed, 1 skipped", skips);
    }

    #[test]
    fn an_ignored_test_is_skipped_unless_another_starts_it() {
        let lines = "test a ... ignored, weekly: candle\n\
            test rank_that_ends ... ignored, one rank: the others start it\ntest b ... ignored\n\
            test result: ok. 0 passed; 0 failed; 3 ignored; finished in 0.01s\n";
        let skips = "skipped 1: no reason given\n  b\nskipped 1: weekly: candle\n  a\n";
        check(lines, "0 passed, 0 failed, 2 skipped", skips);
    }

    /// libtest writes the name of a test and its end separately.
    #[test]
    fn lines_inside_of_lines_are_told_apart() {
        let lines = "test a ... skipped b: no MPI\nskipped c: no MPI\nignored, weekly: candle\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; finished in 0.01s\n";
        let skips = "skipped 2: no MPI\n  b\n  c\nskipped 1: weekly: candle\n  a\n";
        check(lines, "0 passed, 0 failed, 3 skipped", skips);
    }
}
