//! What is odd about the classes of a corpus, though it can be learned from.

use std::collections::BTreeMap;
use std::fmt;

use crate::excerpt::{excerpt, listing};

/// Words that programs write where there is no value.
const NOTHING: [&str; 9] = ["nan", "none", "null", "nil", "n/a", "na", "<na>", "?", "-"];
/// More classes than this are looked at for being none.
const FEW: usize = 20;
/// The share of one class from which accuracy says little.
const MAJORITY: f64 = 0.95;

/// Something odd about the classes of a corpus.
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    /// Classes that differ in the case of letters or in blanks only.
    Alike {
        /// Their names.
        names: Vec<String>,
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
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alike { names } => write!(
                f,
                "the labels {} differ in capitals or blanks only and are classes of their own; \
                 --label-map makes them one",
                listing(names)
            ),
            Self::Nothing { name, examples } => write!(
                f,
                "the label {} of {examples} examples reads like a missing value and is a class; \
                 take these rows out if it is none",
                excerpt(name)
            ),
            Self::Scores { classes } => write!(
                f,
                "the labels are {classes} numbers, some with a fraction: each one is a class, and \
                 no score is learned; --label-map puts them into classes"
            ),
            Self::Sparse { classes, examples } => write!(
                f,
                "{examples} examples have {classes} labels; \
                 is this the column of the labels (--label-column)?"
            ),
            Self::Single { names } => {
                write!(f, "{} of the classes have one example: {}", names.len(), listing(names))
            }
            Self::Majority { name, share } => write!(
                f,
                "{:.1} % of the examples are {}: whoever always answers that has this accuracy; \
                 look at macro F1",
                share * 100.0,
                excerpt(name)
            ),
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
    } else if classes > FEW && classes * 2 > examples {
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
    let several = groups.into_values().filter(|names| names.len() > 1);
    several.map(|names| Doubt::Alike { names }).collect()
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

    fn told(classes: &[(&str, usize)]) -> Vec<String> {
        let names: Vec<String> = classes.iter().map(|(name, _)| (*name).to_owned()).collect();
        let counts: Vec<usize> = classes.iter().map(|(_, count)| *count).collect();
        doubts(&names, &counts).iter().map(Doubt::to_string).collect()
    }

    #[test]
    fn odd_classes_are_told() {
        let check = |classes: &[(&str, usize)], begins: &[&str]| {
            let told = told(classes);
            let all = told.iter().zip(begins).all(|(told, begin)| told.starts_with(begin));
            assert!(told.len() == begins.len() && all, "{classes:?}: {told:#?}");
        };
        check(&[("neg", 40), ("pos", 60)], &[]);
        check(&[("0", 6), ("1", 94)], &[]);
        check(&[("0", 2), ("1", 98)], &["98.0 % of the examples are `1`: "]);
        check(
            &[("Positive", 3), ("neg", 3), ("positive", 3)],
            &["the labels `Positive`, `positive`"],
        );
        check(
            &[("New York", 3), ("x", 3), ("new  york", 3)],
            &["the labels `New York`, `new  york`"],
        );
        check(&[("a", 5), ("nan", 3)], &["the label `nan` of 3 examples reads like a missing"]);
        check(&[("a", 5), ("N/A", 3)], &["the label `N/A` of 3 examples"]);
        check(&[("a", 5), ("b", 1), ("c", 1)], &["2 of the classes have one example: `b`, `c`"]);
        // A class of the model without an example is no doubt: the head has it.
        check(&[("a", 5), ("b", 0), ("c", 4)], &[]);
        check(&[("4", 5), ("4.5", 4), ("5", 9)], &[]);
        let many: Vec<String> =
            (0..2666).map(|score| format!("{}", f64::from(score) / 8.0)).collect();
        let scores: Vec<(&str, usize)> = many.iter().map(|name| (name.as_str(), 1)).collect();
        check(&scores, &["the labels are 2666 numbers, some with a fraction"]);
        let whole: Vec<(&str, usize)> = scores.iter().step_by(8).copied().collect();
        check(&whole, &["334 examples have 334 labels; is this the column"]);
    }
}
