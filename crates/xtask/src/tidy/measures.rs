//! The figures of each crate: median, 90th percentile and maximum of files and functions.

use std::collections::BTreeMap;

use super::anatomy::Anatomy;
use super::source::Source;

/// What is collected for one crate, and for all of them together.
#[derive(Default)]
struct Figures {
    file_lines: Vec<usize>,
    function_lines: Vec<usize>,
    public: usize,
    documented: usize,
}

impl Figures {
    fn add(&mut self, anatomy: &Anatomy<'_>) {
        self.file_lines.extend(Some(anatomy.lines_before_tests).filter(|lines| *lines > 0));
        self.function_lines.extend(anatomy.functions.iter().map(|function| function.lines));
        self.public += anatomy.public.len();
        self.documented += anatomy.public.iter().filter(|item| item.documented).count();
    }

    fn row(mut self, name: &str) -> String {
        let (files, functions) = (self.file_lines.len(), self.function_lines.len());
        format!(
            "{name:<12}{files:>6}{:>18}{functions:>11}{:>18}{:>14}\n",
            spread(&mut self.file_lines),
            spread(&mut self.function_lines),
            share(self.documented, self.public),
        )
    }
}

/// One row a crate and one for all. File lines are those before the tests, files without any do not
/// count; function lines are those with code between the braces, tests included.
pub(super) fn table(sources: &[&Source], anatomies: &[Anatomy<'_>]) -> String {
    let mut crates: BTreeMap<&str, Figures> = BTreeMap::new();
    let mut all = Figures::default();
    for (source, anatomy) in sources.iter().zip(anatomies) {
        crates.entry(source.krate()).or_default().add(anatomy);
        all.add(anatomy);
    }
    let head = format!(
        "{:<12}{:>6}{:>18}{:>11}{:>18}{:>14}\n",
        "crate", "files", "p50 / p90 / max", "functions", "p50 / p90 / max", "documented"
    );
    let rows: String = crates.into_iter().map(|(name, figures)| figures.row(name)).collect();
    head + &rows + &all.row("all")
}

fn spread(values: &mut [usize]) -> String {
    values.sort_unstable();
    let at = |percent| percentile(values, percent);
    format!("{} / {} / {}", at(50), at(90), at(100))
}

/// The nearest rank: the smallest value that `percent` of all do not exceed; 0 of none.
fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    format!("{} % of {whole}", part * 100 / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_nearest_ranks() {
        let check = |values: &[usize], expected: &str| {
            assert_eq!(spread(&mut values.to_vec()), expected);
        };
        check(&[], "0 / 0 / 0");
        check(&[7], "7 / 7 / 7");
        check(&[3, 1, 2], "2 / 3 / 3");
        check(&(1..=100).collect::<Vec<_>>(), "50 / 90 / 100");
    }

    #[test]
    fn a_table_has_a_row_for_each_crate_and_for_all() {
        let source =
            Source { path: "crates/a/src/lib.rs".into(), text: "//! A.\npub fn b() {}\n".into() };
        let table = table(&[&source], &[Anatomy::of(&source)]);
        let rows: Vec<Vec<&str>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        let figures = "1 2 / 2 / 2 1 1 / 1 / 1 0 % of 1";
        assert_eq!(rows[1].join(" "), format!("a {figures}"));
        assert_eq!(rows[2].join(" "), format!("all {figures}"));
    }
}
