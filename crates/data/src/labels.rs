//! The classes: an ordered list of names whose places are the numbers the model learns.
//!
//! The training file makes the map. Every other file is read with that same map, because a class
//! that had another number there would be counted as an error of the model.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use lockstep_world::counted;

use crate::excerpt::excerpt;
use crate::label_value::{NO_LABEL, is_count, is_integer, value_of};

/// The names of the classes; the number of a class is its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMap {
    names: Vec<String>,
    ids: HashMap<String, u32>,
    /// The classes by the values of their names; `None` where two names have the same value.
    values: HashMap<String, Option<u32>>,
    numbers: Numbers,
}

/// What an integer says where no class has it for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// The number of a class: those of a model are known to its author.
    AreIds,
    /// Nothing: the numbers follow from a file, or the names are numbers themselves.
    AreNothing,
}

/// Where the map of a corpus comes from.
#[derive(Clone, Copy, Debug)]
pub enum Labels<'a> {
    /// From the labels that the file holds: the training file of a fresh head.
    Infer,
    /// From the head that is trained on, if it has all labels that the file holds; else as in
    /// [`Labels::Infer`], so that both can be named.
    Offered(&'a LabelMap),
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
        let mut values: HashMap<String, Option<u32>> = HashMap::with_capacity(names.len());
        for (id, name) in (0_u32..).zip(&names) {
            if name.trim().is_empty() {
                return Err(LabelError::Blank { id });
            }
            if let Some(first) = ids.insert(name.clone(), id) {
                return Err(LabelError::Repeated { name: name.clone(), first, second: id });
            }
            let value = values.entry(value_of(name).into_owned());
            value.and_modify(|shared| *shared = None).or_insert(Some(id));
        }
        Ok(Self { names, ids, values, numbers: Numbers::AreNothing })
    }

    /// The map of a model whose class `i` is `names[i]`. The integer `i` will do for the name, unless
    /// there are integers among the names.
    ///
    /// # Errors
    /// [`LabelError`] when a name is repeated, or blank, or when there is none.
    pub fn of_model(names: Vec<String>) -> Result<Self, LabelError> {
        let is_named = !names.iter().any(|name| is_integer(&value_of(name)));
        let numbers = if is_named { Numbers::AreIds } else { Numbers::AreNothing };
        Ok(Self { numbers, ..Self::new(names)? })
    }

    /// The map of the distinct `labels` of a file: in the order of numbers when all are integers,
    /// in the order of letters otherwise. Integers 0 to K-1 are so their own numbers.
    pub(crate) fn infer<'a>(labels: impl Iterator<Item = &'a str>) -> Result<Self, LabelError> {
        let mut by_value: BTreeMap<Cow<'a, str>, &'a str> = BTreeMap::new();
        for label in labels {
            let first = by_value.entry(value_of(label)).or_insert(label);
            *first = label.min(first);
        }
        // A whole number is called by its value, anything else as the file has it.
        let name = |(value, label): (Cow<'_, str>, &str)| match is_integer(&value) {
            true => value.into_owned(),
            false => label.to_owned(),
        };
        let mut names: Vec<String> = by_value.into_iter().map(name).collect();
        let integer = |name: &String| name.parse::<i64>().ok();
        if names.iter().all(|name| integer(name).is_some()) {
            names.sort_by_key(integer);
        } else {
            names.sort();
        }
        Self::new(names)
    }

    /// The number of the class that a file calls `label`: the class of that name, or of a name of the
    /// same value (`1` and `1.0`); of a model also the class of that number.
    #[must_use]
    pub fn id(&self, label: &str) -> Option<u32> {
        self.id_by_name(label).or_else(|| self.id_by_number(label))
    }

    fn id_by_name(&self, label: &str) -> Option<u32> {
        let exact = self.ids.get(label).copied();
        exact.or_else(|| self.values.get(value_of(label).as_ref()).copied().flatten())
    }

    /// The class whose number, and not whose name, `label` is.
    pub(crate) fn id_by_number(&self, label: &str) -> Option<u32> {
        if self.numbers == Numbers::AreNothing || self.id_by_name(label).is_some() {
            return None;
        }
        let value = value_of(label);
        let id: u32 = value.parse().ok()?;
        (id.to_string() == value && self.name(id).is_some()).then_some(id)
    }

    /// Whether `label` is the mark of a row without a label among labels of this map.
    pub(crate) fn is_no_label(&self, label: &str) -> bool {
        value_of(label) == NO_LABEL
            && self.id(label).is_none()
            && (self.numbers == Numbers::AreIds
                || self.names.iter().all(|name| is_count(&value_of(name))))
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
    #[error("there are no labels; a classifier needs at least two classes")]
    None,
    /// A class without a name.
    #[error("class {id} has a blank name; give each class a name (id2label in config.json)")]
    Blank {
        /// The number of the class.
        id: u32,
    },
    /// Two classes of one name.
    #[error(
        "classes {first} and {second} are both named {}; \
         give each class a different name (id2label in config.json)",
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
        "the only label is {}, in {}; a classifier needs at least two classes",
        excerpt(.name), counted(*.examples, "example")
    )]
    SingleClass {
        /// The only class.
        name: String,
        /// The number of examples.
        examples: usize,
    },
    /// All examples have the mark of a row without a label.
    #[error("all labels are -1, in {}, which marks rows without a label", counted(*.examples, "example"))]
    NoneLabelled {
        /// The number of examples.
        examples: usize,
    },
    /// There are more classes than examples.
    #[error(
        "there are {classes} classes but only {}; \
         each class needs at least one example; give more data",
        counted(*.examples, "example")
    )]
    FewerExamplesThanClasses {
        /// The number of examples.
        examples: usize,
        /// The number of classes.
        classes: usize,
    },
    /// No class has two examples.
    #[error(
        "each of the {examples} examples has a different label, such as {}; \
         the column looks like an identifier or a text",
        excerpt(.name)
    )]
    NoLabelTwice {
        /// One of the labels.
        name: String,
        /// The number of examples.
        examples: usize,
    },
    /// An example of a class that does not exist.
    #[error("example {example} has class {label}, but there are {classes} classes, counted from 0")]
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
        check(&["1.0", "0.0", "1", "10.0"], &["0", "1", "10"]);
        check(&["TRUE", "false", "True", "False"], &["False", "TRUE"]);
        check(&["LABEL_10", "LABEL_9"], &["LABEL_10", "LABEL_9"]);
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_label_is_found_by_its_name() {
        let check = |of_file: &[&str], label: &str, id: Option<u32>| {
            let map = LabelMap::new(names(of_file)).unwrap();
            assert_eq!(map.id(label), id, "{label} in {of_file:?}");
        };
        check(&["neg", "pos"], "pos", Some(1));
        check(&["neg", "pos"], "1", None);
        check(&["neg", "pos"], "Pos", None);
        check(&["LABEL_0", "LABEL_1"], "LABEL_1", Some(1));
        check(&["LABEL_0", "LABEL_1"], "1", None);
        check(&["1", "2"], "1", Some(0));
        check(&["1", "2"], "1.0", Some(0));
        check(&["1.0", "2.0"], "1", Some(0));
        check(&["True", "False"], "true", Some(0));
        // Names of one value are told apart as they are written, and by nothing else.
        check(&["1", "1.0"], "1.0", Some(1));
        check(&["1", "1.0"], "1.00", None);
    }

    #[test]
    fn a_models_class_is_found_by_its_number_too() {
        let check = |of_model: &[&str], label: &str, id: Option<u32>| {
            let map = LabelMap::of_model(names(of_model)).unwrap();
            assert_eq!(map.id(label), id, "{label} in {of_model:?}");
        };
        check(&["LABEL_0", "LABEL_1"], "1", Some(1));
        check(&["LABEL_0", "LABEL_1"], "LABEL_1", Some(1));
        check(&["LABEL_0", "LABEL_1"], "2", None);
        check(&["NEGATIVE", "POSITIVE"], "1", Some(1));
        check(&["NEGATIVE", "POSITIVE"], "1.0", Some(1));
        check(&["NEGATIVE", "POSITIVE"], "01", None);
        check(&["NEGATIVE", "POSITIVE"], "-1", None);
        check(&["NEGATIVE", "POSITIVE"], "+1", None);
        check(&["NEGATIVE", "POSITIVE"], "positive", None);
        // Numbers that are names are no ids: class 0 is called 1 here.
        check(&["1", "2"], "0", None);
        check(&["1", "other"], "0", None);
        // Names whose form looks like an order say nothing of it.
        check(&["LABEL_1", "LABEL_0"], "LABEL_1", Some(0));
        check(&["LABEL_1", "LABEL_0"], "1", Some(1));
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
