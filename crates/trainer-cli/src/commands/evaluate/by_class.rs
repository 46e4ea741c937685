//! What a confusion matrix says of each class, for people and for programs.

use serde::Serialize;

/// Classes and confusions that are shown where there are too many for all.
const SHOWN: usize = 10;
/// Up to this many classes all are shown.
const ALL: usize = 12;
/// The columns of a usual terminal.
const WIDTH: usize = 80;
/// The characters of a name that are shown where names have a column.
const LONGEST: usize = 30;

/// One class: the measures of scikit-learn's `classification_report`, 0 where they are not defined.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Class<'a> {
    label: &'a str,
    precision: f64,
    recall: f64,
    f1: f64,
    /// Its examples.
    support: u64,
    /// How often it was the answer.
    #[serde(skip)]
    found: u64,
}

/// The classes by their numbers.
pub(super) fn classes<'a>(confusion: &[Vec<u64>], names: &'a [String]) -> Vec<Class<'a>> {
    let class = |(number, label): (usize, &'a String)| {
        let at = |row: &Vec<u64>| row.get(number).copied().unwrap_or(0);
        let hits = confusion.get(number).map_or(0, at);
        let support = confusion.get(number).map_or(0, |row| row.iter().sum());
        let found = confusion.iter().map(at).sum();
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        Class {
            label,
            precision: share(hits, found),
            recall: share(hits, support),
            f1: share(2 * hits, support + found),
            support,
            found,
        }
    };
    names.iter().enumerate().map(class).collect()
}

/// A table of the classes: of all, or of those with the lowest F1 where they are many.
pub(super) fn table(confusion: &[Vec<u64>], names: &[String]) -> String {
    let mut classes = classes(confusion, names);
    let mut text = String::new();
    if classes.len() > ALL {
        classes.retain(|class| class.support + class.found > 0);
        classes.sort_by(|one, other| one.f1.total_cmp(&other.f1));
        classes.truncate(SHOWN);
        text +=
            &format!("\nthe {} classes with the lowest F1, of {}\n", classes.len(), names.len());
    } else {
        text += "\n";
    }
    let names: Vec<String> = classes.iter().map(|class| in_a_cell(class.label)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("class".len());
    text += &format!("{:<width$}  precision  recall      F1  examples\n", "class");
    for (name, class) in names.iter().zip(&classes) {
        let Class { precision, recall, f1, support, .. } = class;
        text += &format!("{name:<width$}  {precision:>9.4}  {recall:.4}  {f1:.4}  {support:>8}\n");
    }
    text
}

/// The confusion matrix where it fits into a terminal, else the most frequent confusions.
pub(super) fn confusions(confusion: &[Vec<u64>], names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| in_a_cell(name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(7);
    match (width + 2) * (names.len() + 1) <= WIDTH + 2 {
        true => matrix(confusion, &names, width),
        false => most_frequent(confusion, &names),
    }
}

/// Examples by true class (row) and predicted class (column).
fn matrix(confusion: &[Vec<u64>], names: &[String], width: usize) -> String {
    let row = |head: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.map(|cell| format!("{cell:>width$}")).collect();
        format!("{head:<width$}  {}\n", cells.join("  "))
    };
    let mut text =
        String::from("\nconfusion matrix: true class by row, predicted class by column\n");
    text += &row("", &mut names.iter().cloned());
    for (name, counts) in names.iter().zip(confusion) {
        text += &row(name, &mut counts.iter().map(u64::to_string));
    }
    text
}

/// The pairs of classes that are confused most often.
fn most_frequent(confusion: &[Vec<u64>], names: &[String]) -> String {
    let pairs = confusion.iter().enumerate().flat_map(|(class, row)| {
        let wrong =
            row.iter().enumerate().filter(move |(found, count)| *found != class && **count > 0);
        wrong.map(move |(found, count)| (*count, class, found))
    });
    let mut pairs: Vec<(u64, usize, usize)> = pairs.collect();
    pairs.sort_by(|one, other| other.0.cmp(&one.0).then(one.cmp(other)));
    if pairs.is_empty() {
        return String::new();
    }
    let name = |class: usize| names.get(class).map_or("", String::as_str);
    let shown = &pairs[..pairs.len().min(SHOWN)];
    let width = |of: &dyn Fn(&(u64, usize, usize)) -> usize, least: &str| {
        let longest = shown.iter().map(|pair| name(of(pair)).chars().count()).max();
        longest.unwrap_or(0).max(least.len())
    };
    let (left, right) = (width(&|pair| pair.1, "true class"), width(&|pair| pair.2, "predicted"));
    let mut text = format!("\nthe {} most frequent confusions, of {}\n", shown.len(), pairs.len());
    text += &format!("{:<left$}  {:<right$}  examples\n", "true class", "predicted");
    for (count, class, found) in shown {
        let all: u64 = confusion.get(*class).map_or(0, |row| row.iter().sum());
        let (class, found) = (name(*class), name(*found));
        text += &format!("{class:<left$}  {found:<right$}  {count} of {all}\n");
    }
    text
}

/// A class's name on one line, as wide as it has characters.
pub(super) fn in_a_cell(name: &str) -> String {
    let printable = name.replace(char::is_control, " ");
    let name = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(confusion: &[Vec<u64>], names: &[&str], expected: Expect) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        expected.assert_eq(&(table(confusion, &names) + &confusions(confusion, &names)));
    }

    #[test]
    fn no_name_of_a_class_breaks_a_table() {
        check(
            &[vec![3, 2], vec![1, 4]],
            &["not\tgood\r\n", "bad\u{7}"],
            expect![[r#"

            class     precision  recall      F1  examples
            not good     0.7500  0.6000  0.6667         5
            bad          0.6667  0.8000  0.7273         5

            confusion matrix: true class by row, predicted class by column
                      not good       bad
            not good         3         2
            bad              1         4
        "#]],
        );
    }

    #[test]
    fn of_many_classes_the_worst_are_shown() {
        let mut confusion = vec![vec![0; 20]; 20];
        for class in 0..19_usize {
            confusion[class][class] = 40 - class as u64;
            confusion[class][(class + 3) % 19] = class as u64;
        }
        let names: Vec<String> = (0..20).map(|class| format!("the class {class}")).collect();
        check(
            &confusion,
            &names.iter().map(String::as_str).collect::<Vec<_>>(),
            expect![[r#"

            the 10 classes with the lowest F1, of 20
            class         precision  recall      F1  examples
            the class 18     0.5946  0.5500  0.5714        40
            the class 17     0.6216  0.5750  0.5974        40
            the class 16     0.6486  0.6000  0.6234        40
            the class 15     0.6757  0.6250  0.6494        40
            the class 14     0.7027  0.6500  0.6753        40
            the class 13     0.7297  0.6750  0.7013        40
            the class 12     0.7568  0.7000  0.7273        40
            the class 11     0.7838  0.7250  0.7532        40
            the class 10     0.8108  0.7500  0.7792        40
            the class 2      0.6786  0.9500  0.7917        40

            the 10 most frequent confusions, of 18
            true class    predicted     examples
            the class 18  the class 2   18 of 40
            the class 17  the class 1   17 of 40
            the class 16  the class 0   16 of 40
            the class 15  the class 18  15 of 40
            the class 14  the class 17  14 of 40
            the class 13  the class 16  13 of 40
            the class 12  the class 15  12 of 40
            the class 11  the class 14  11 of 40
            the class 10  the class 13  10 of 40
            the class 9   the class 12  9 of 40
        "#]],
        );
    }

    #[test]
    fn measures_are_scikit_learns() {
        // precision_recall_fscore_support(zero_division=0) for [0]*4 + [1]*3, found [0]*3 + [1]*3 + [2].
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        let confusion = [vec![3, 1, 0, 0], vec![0, 2, 1, 0], vec![0; 4], vec![0; 4]];
        let found = classes(&confusion, &names);
        let numbers = |class: &Class<'_>| {
            let round = |value: f64| (value * 1e4).round() / 1e4;
            let Class { precision, recall, f1, support, .. } = class;
            [round(*precision), round(*recall), round(*f1), *support as f64]
        };
        let expected = [
            [1.0, 0.75, 0.8571, 4.0],
            [0.6667, 0.6667, 0.6667, 3.0],
            [0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0],
        ];
        assert_eq!(found.iter().map(numbers).collect::<Vec<_>>(), expected);
    }
}
