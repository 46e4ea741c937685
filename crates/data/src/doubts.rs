//! What is odd about the classes of a corpus that can still be trained on.

use std::collections::BTreeMap;
use std::fmt;

use lockstep_world::counted;

use crate::excerpt::{excerpt, listing};
use crate::file_doubts::FileDoubt;

/// Words that programs write where there is no value.
const NOTHING: [&str; 13] = [
    "nan",
    "none",
    "null",
    "nil",
    "n/a",
    "#n/a",
    "na",
    "<na>",
    "nat",
    "undefined",
    "<unset>",
    "?",
    "-",
];
/// More classes than this are looked at for being none.
const FEW: usize = 20;
/// Examples of a class, in the mean, below which it is asked whether they are classes.
const MEAN: usize = 20;
/// Doubts of one kind that are reported one by one; the rest is counted.
const REPORTED: usize = 3;
/// The share of one class from which accuracy says little.
const MAJORITY: f64 = 0.95;

/// Something odd about the classes of a corpus.
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    /// Classes that differ in the case of letters or in blanks only.
    Alike {
        /// Their names.
        names: Vec<String>,
        /// How many other groups of such classes there are.
        others: usize,
    },
    /// A class that is called like a value that is missing.
    Nothing {
        /// Its name.
        name: String,
        /// Its examples.
        examples: usize,
    },
    /// Numbers with fractions, as scores have them.
    Scores {
        /// How many there are.
        classes: usize,
    },
    /// Classes with hardly an example each.
    Sparse {
        /// How many there are.
        classes: usize,
        /// All examples.
        examples: usize,
    },
    /// Classes with one example.
    Single {
        /// Their names.
        names: Vec<String>,
    },
    /// Nearly all examples are of one class.
    Majority {
        /// Its name.
        name: String,
        /// Its share, from 0 to 1.
        share: f64,
    },
    /// Classes of which training has no example.
    Unlearned {
        /// Their names.
        names: Vec<String>,
        /// Their examples.
        examples: usize,
    },
    /// Something about the file, and not the classes.
    OfFile(FileDoubt),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alike { names, others } => write!(
                f,
                "the labels {} differ only in capitals or spaces and count as separate classes{}",
                listing(names),
                more_like_this(*others)
            ),
            Self::Nothing { name, examples } => write!(
                f,
                "the label {} of {} looks like a missing value but counts as a class; \
                 if it is not a class, remove these rows",
                excerpt(name),
                counted(*examples, "example")
            ),
            Self::Scores { classes } => write!(
                f,
                "the labels are {classes} numbers, some with a fraction, and each one counts as a class"
            ),
            Self::Sparse { classes, examples } => {
                write!(f, "{examples} examples have {classes} different labels")
            }
            Self::Single { names } => {
                write!(f, "{} with only one example: {}", classes(names.len()), listing(names))
            }
            Self::Majority { name, share } => write!(
                f,
                "{:.1} % of the examples have the label {name}: a model that always answers {name} \
                 has this accuracy; look at macro F1",
                share * 100.0,
                name = excerpt(name)
            ),
            Self::Unlearned { names, examples } => write!(
                f,
                "{} of classes without a training example, always counted as errors: {}",
                counted(*examples, "example"),
                listing(names)
            ),
            Self::OfFile(doubt) => doubt.fmt(f),
        }
    }
}

/// What is odd about classes with these names and so many examples each.
pub(crate) fn doubts(names: &[String], counts: &[usize]) -> Vec<Doubt> {
    let present: Vec<(&String, usize)> =
        names.iter().zip(counts.iter().copied()).filter(|(_, count)| *count > 0).collect();
    let examples: usize = counts.iter().sum();
    let mut found = alike(&present);
    found.extend(
        present
            .iter()
            .filter(|(name, _)| is_nothing(name))
            .map(|(name, examples)| Doubt::Nothing { name: (*name).clone(), examples: *examples }),
    );
    let classes = present.len();
    if are_scores(&present) {
        found.push(Doubt::Scores { classes });
    } else if classes > FEW && classes.saturating_mul(MEAN) > examples {
        found.push(Doubt::Sparse { classes, examples });
    } else {
        let single = present.iter().filter(|(_, count)| *count == 1);
        let names: Vec<String> = single.map(|(name, _)| (*name).clone()).collect();
        if !names.is_empty() {
            found.push(Doubt::Single { names });
        }
    }
    if let Some((name, count)) = present.iter().max_by_key(|(_, count)| *count) {
        let share = *count as f64 / examples as f64;
        if classes > 1 && share >= MAJORITY {
            found.push(Doubt::Majority { name: (*name).clone(), share });
        }
    }
    found
}

fn alike(present: &[(&String, usize)]) -> Vec<Doubt> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, _) in present {
        let plain = name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        groups.entry(plain).or_default().push((*name).clone());
    }
    let several: Vec<Vec<String>> = groups.into_values().filter(|names| names.len() > 1).collect();
    let rest = several.len().saturating_sub(REPORTED);
    let last = several.len().min(REPORTED);
    let reported = several.into_iter().take(REPORTED).enumerate();
    reported
        .map(|(place, names)| Doubt::Alike {
            names,
            others: if place + 1 == last { rest } else { 0 },
        })
        .collect()
}

/// The classes of which there are examples, and none among those that were learned from.
pub(crate) fn unlearned(names: &[String], counts: &[usize], learned: &[usize]) -> Option<Doubt> {
    let counted = names.iter().zip(counts.iter().zip(learned));
    let missed: Vec<(&String, usize)> = counted
        .filter(|(_, (count, learned))| **count > 0 && **learned == 0)
        .map(|(name, (count, _))| (name, *count))
        .collect();
    let examples = missed.iter().map(|(_, count)| count).sum();
    let names: Vec<String> = missed.into_iter().map(|(name, _)| name.clone()).collect();
    (!names.is_empty()).then_some(Doubt::Unlearned { names, examples })
}

fn classes(count: usize) -> String {
    format!("{count} {}", if count == 1 { "class" } else { "classes" })
}

fn more_like_this(groups: usize) -> String {
    if groups > 0 { format!(" ({groups} more groups like this)") } else { String::new() }
}

fn is_nothing(name: &str) -> bool {
    NOTHING.contains(&name.trim().to_lowercase().as_str())
}

fn are_scores(present: &[(&String, usize)]) -> bool {
    let numbers = || present.iter().map(|(name, _)| name.parse::<f64>().ok());
    present.len() > FEW
        && numbers().all(|number| number.is_some_and(f64::is_finite))
        && numbers().flatten().any(|number| number.fract() != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(classes: &[(&str, usize)]) -> Vec<String> {
        let names: Vec<String> = classes.iter().map(|(name, _)| (*name).to_owned()).collect();
        let counts: Vec<usize> = classes.iter().map(|(_, count)| *count).collect();
        doubts(&names, &counts).iter().map(Doubt::to_string).collect()
    }

    #[test]
    fn many_doubts_of_a_kind_are_counted() {
        let names: Vec<String> =
            (0..500).flat_map(|i| [format!("a{i}"), format!("A{i}")]).collect();
        let reported = doubts(&names, &vec![30; 1000]);
        assert_eq!(reported.len(), 3, "{reported:?}");
        assert!(
            reported[2].to_string().ends_with("(497 more groups like this)"),
            "{}",
            reported[2]
        );
    }

    #[test]
    fn classes_that_training_lacks_are_reported() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(unlearned(&names, &[1, 2, 0], &[3, 1, 0]), None);
        let reported = unlearned(&names, &[1, 2, 4], &[3, 0, 0]).unwrap().to_string();
        assert!(
            reported.starts_with("6 examples of classes without a training example"),
            "{reported}"
        );
        assert!(reported.ends_with("`b`, `c`"), "{reported}");
    }

    #[test]
    fn odd_classes_are_reported() {
        let check = |classes: &[(&str, usize)], begins: &[&str]| {
            let reported = reported(classes);
            let all =
                reported.iter().zip(begins).all(|(reported, begin)| reported.starts_with(begin));
            assert!(reported.len() == begins.len() && all, "{classes:?}: {reported:#?}");
        };
        check(&[("neg", 40), ("pos", 60)], &[]);
        check(&[("0", 6), ("1", 94)], &[]);
        check(&[("0", 2), ("1", 98)], &["98.0 % of the examples have the label `1`: "]);
        check(
            &[("Positive", 3), ("neg", 3), ("positive", 3)],
            &["the labels `Positive`, `positive`"],
        );
        check(
            &[("New York", 3), ("x", 3), ("new  york", 3)],
            &["the labels `New York`, `new  york`"],
        );
        check(&[("a", 5), ("nan", 3)], &["the label `nan` of 3 examples looks like a missing"]);
        check(&[("a", 5), ("N/A", 3)], &["the label `N/A` of 3 examples"]);
        check(&[("a", 5), ("b", 1), ("c", 1)], &["2 classes with only one example: `b`, `c`"]);
        // A class of the model without an example is no doubt: the head has it.
        check(&[("a", 5), ("b", 0), ("c", 4)], &[]);
        check(&[("4", 5), ("4.5", 4), ("5", 9)], &[]);
        let many: Vec<String> =
            (0..2666).map(|score| format!("{}", f64::from(score) / 8.0)).collect();
        let scores: Vec<(&str, usize)> = many.iter().map(|name| (name.as_str(), 1)).collect();
        check(&scores, &["the labels are 2666 numbers, some with a fraction"]);
        let whole: Vec<(&str, usize)> = scores.iter().step_by(8).copied().collect();
        check(&whole, &["334 examples have 334 different labels"]);
        // 77 intents are classes, if each has its examples.
        let intents: Vec<(&str, usize)> =
            many[..77].iter().map(|name| (name.as_str(), 1)).collect();
        let intents = |each: usize| -> Vec<(String, usize)> {
            intents.iter().map(|(name, _)| (format!("intent {name}"), each)).collect()
        };
        let reported_of = |intents: &[(String, usize)]| {
            reported(
                &intents.iter().map(|(name, count)| (name.as_str(), *count)).collect::<Vec<_>>(),
            )
        };
        assert_eq!(reported_of(&intents(20)), Vec::<String>::new());
        assert!(reported_of(&intents(19))[0].starts_with("1463 examples have 77 different labels"));
    }
}
