//! Label maps: what a user calls the labels of a file.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use lockstep_world::file_content;
use serde_json::{Map, Value};

use crate::error::DataError;
use crate::label_value::value_of;
use crate::records::type_name;

/// The bytes that are read of a label map at most.
const LIMIT: u64 = 1 << 20;

/// The class that each label of a file stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renames {
    classes: HashMap<String, String>,
}

impl Renames {
    /// The map that the JSON object in the file at `path` holds: `{"0": "negative", "1": "positive"}`.
    ///
    /// # Errors
    /// [`DataError::LabelMap`] when the file cannot be read, or holds no such object.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let faulty = |reason| DataError::LabelMap { path: path.to_owned(), reason };
        let bytes = file_content(path, LIMIT).map_err(|cause| match cause.kind() {
            io::ErrorKind::FileTooLarge => faulty("it has more than 1 MiB".to_owned()),
            _ => faulty(format!("it cannot be read ({cause})")),
        })?;
        let object: Map<String, Value> = serde_json::from_slice(&bytes)
            .map_err(|cause| faulty(format!("it is not a JSON object ({cause})")))?;
        Self::of(object).map_err(faulty)
    }

    fn of(object: Map<String, Value>) -> Result<Self, String> {
        let mut classes = HashMap::with_capacity(object.len());
        for (label, class) in object {
            let class = match class {
                Value::String(class) if !class.trim().is_empty() => class.trim().to_owned(),
                Value::Number(class) if !class.is_f64() => class.to_string(),
                other => {
                    let found = type_name(&other);
                    return Err(format!("it gives `{label}` {found}, where a name is needed"));
                }
            };
            if classes.insert(value_of(label.trim()).into_owned(), class).is_some() {
                return Err(format!("it has two entries for the label `{label}`"));
            }
        }
        Ok(Self { classes })
    }

    /// The map that gives each key of `classes` its value, and to each of `names` itself where no key
    /// is of its value.
    #[must_use]
    pub fn remembered(classes: &BTreeMap<String, String>, names: &[String]) -> Self {
        let given = classes.iter().map(|(label, class)| (label, class.trim().to_owned()));
        let mut classes: HashMap<String, String> =
            given.map(|(label, class)| (value_of(label.trim()).into_owned(), class)).collect();
        for name in names {
            classes.entry(value_of(name).into_owned()).or_insert_with(|| name.clone());
        }
        Self { classes }
    }

    /// Each label with its class.
    #[must_use]
    pub fn classes(&self) -> BTreeMap<String, String> {
        self.classes.iter().map(|(label, class)| (label.clone(), class.clone())).collect()
    }

    /// The class that `label` stands for, if the map has it.
    pub(crate) fn class(&self, label: &str) -> Option<&str> {
        self.classes.get(value_of(label).as_ref()).map(String::as_str)
    }
}
