//! The classes: an ordered list of names whose places are the numbers the model learns.
//!
//! The training file makes the map. Every other file is read with that same map, because a class
//! that had another number there would be counted as an error of the model.

use std::collections::{BTreeSet, HashMap};

use crate::excerpt::excerpt;

/// The names of the classes; the number of a class is its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMap {
    names: Vec<String>,
    ids: HashMap<String, u32>,
}

/// Where the map of a corpus comes from.
#[derive(Clone, Copy, Debug)]
pub enum Labels<'a> {
    /// From the labels that the file holds: the training file.
    Infer,
    /// From the model or the training file: every other file.
    Known(&'a LabelMap),
}

impl LabelMap {
    /// The map whose class `i` is `names[i]`.
    ///
    /// # Errors
    /// [`LabelError`] when a name is repeated, or blank, or when there is none.
    pub fn new(names: Vec<String>) -> Result<Self, LabelError> {
        if names.is_empty() {
            return Err(LabelError::None);
        }
        let mut ids = HashMap::with_capacity(names.len());
        for (id, name) in (0_u32..).zip(&names) {
            if name.trim().is_empty() {
                return Err(LabelError::Blank { id });
            }
            if let Some(first) = ids.insert(name.clone(), id) {
                return Err(LabelError::Repeated { name: name.clone(), first, second: id });
            }
        }
        Ok(Self { names, ids })
    }

    /// The map of the distinct `labels` of a file: in the order of numbers when all are integers,
    /// in the order of letters otherwise. Integers 0 to K-1 are so their own numbers.
    pub(crate) fn infer<'a>(labels: impl Iterator<Item = &'a str>) -> Result<Self, LabelError> {
        let distinct: BTreeSet<&str> = labels.collect();
        let mut names: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
        let integer = |name: &String| name.parse::<i64>().ok();
        if names.iter().all(|name| integer(name).is_some()) {
            names.sort_by_key(integer);
        }
        Self::new(names)
    }

    /// The number of the class that a file calls `label`.
    ///
    /// A model that was trained without names has `LABEL_0`, `LABEL_1` and so on; there the integer
    /// alone will do.
    #[must_use]
    pub fn id(&self, label: &str) -> Option<u32> {
        let named = self.ids.get(label).copied();
        named.or_else(|| self.ids.get(&format!("LABEL_{label}")).copied())
    }

    /// The name of class `id`.
    #[must_use]
    pub fn name(&self, id: u32) -> Option<&str> {
        self.names.get(usize::try_from(id).ok()?).map(String::as_str)
    }

    /// All names, class 0 first.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number K of classes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a map without classes cannot be made")]
    pub fn len(&self) -> usize {
        self.names.len()
    }
}

/// Why labels cannot be learned from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// There is no class.
    #[error("there are no labels\n  hint: a classifier needs at least two classes")]
    None,
    /// A class without a name.
    #[error(
        "class {id} has a blank name\n  hint: give each class a name (id2label in config.json)"
    )]
    Blank {
        /// The number of the class.
        id: u32,
    },
    /// Two classes of one name.
    #[error(
        "classes {first} and {second} are both named {}\n  \
         hint: give each class its own name (id2label in config.json)",
        excerpt(.name)
    )]
    Repeated {
        /// The name.
        name: String,
        /// The first class that has it.
        first: u32,
        /// The second.
        second: u32,
    },
    /// All examples are of one class.
    #[error(
        "the only label is {}, in {examples} examples\n  hint: there is nothing to tell apart; is \
         this the training file, and the right --label-column?",
        excerpt(.name)
    )]
    SingleClass {
        /// The only class.
        name: String,
        /// The number of examples.
        examples: usize,
    },
    /// There are more classes than examples.
    #[error(
        "{examples} examples for {classes} classes\n  \
         hint: each class needs examples of its own; give more data"
    )]
    FewerExamplesThanClasses {
        /// The number of examples.
        examples: usize,
        /// The number of classes.
        classes: usize,
    },
    /// No class has two examples.
    #[error(
        "each of the {examples} examples has a label of its own, such as {}\n  \
         hint: that looks like an identifier or a text; name the labels with --label-column",
        excerpt(.name)
    )]
    NoLabelTwice {
        /// One of the labels.
        name: String,
        /// The number of examples.
        examples: usize,
    },
    /// An example of a class that does not exist.
    #[error("example {example} is of class {label}, but there are only {classes} (counted from 0)")]
    OutOfRange {
        /// The place of the example.
        example: usize,
        /// Its class.
        label: u32,
        /// The number of classes.
        classes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_get_the_numbers_one_expects() {
        let check = |labels: &[&str], names: &[&str]| {
            assert_eq!(LabelMap::infer(labels.iter().copied()).unwrap().names(), names);
        };
        check(&["1", "0", "1"], &["0", "1"]);
        check(&["10", "9", "-1"], &["-1", "9", "10"]);
        check(&["neg", "pos", "neg"], &["neg", "pos"]);
        check(&["10", "9", "x"], &["10", "9", "x"]);
        check(&["1.5", "0.5"], &["0.5", "1.5"]);
        check(&["1", "01"], &["01", "1"]);
    }

    #[test]
    fn a_label_is_found_by_its_name() {
        let check = |names: &[&str], label: &str, id: Option<u32>| {
            let map = LabelMap::new(names.iter().map(|&name| name.to_owned()).collect()).unwrap();
            assert_eq!(map.id(label), id, "{label} in {names:?}");
        };
        check(&["neg", "pos"], "pos", Some(1));
        check(&["neg", "pos"], "1", None);
        check(&["neg", "pos"], "Pos", None);
        check(&["LABEL_0", "LABEL_1"], "1", Some(1));
        check(&["LABEL_0", "LABEL_1"], "LABEL_1", Some(1));
        check(&["LABEL_0", "LABEL_1"], "2", None);
        check(&["1", "2"], "1", Some(0));
    }

    #[test]
    fn a_map_needs_distinct_names() {
        let map = |names: &[&str]| LabelMap::new(names.iter().map(|&n| n.to_owned()).collect());
        assert_eq!(map(&[]).unwrap_err(), LabelError::None);
        assert_eq!(map(&["a", " "]).unwrap_err(), LabelError::Blank { id: 1 });
        let repeated = LabelError::Repeated { name: "a".to_owned(), first: 0, second: 2 };
        assert_eq!(map(&["a", "b", "a"]).unwrap_err(), repeated);
        assert_eq!(map(&["a", "b"]).unwrap().name(1), Some("b"));
        assert_eq!(map(&["a", "b"]).unwrap().name(2), None);
    }
}
