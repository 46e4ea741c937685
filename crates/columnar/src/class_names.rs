//! The names of classes that `datasets` writes into the schema of a file.

use std::collections::BTreeMap;

use arrow_schema::Schema;
use serde_json::Value;

/// The names of the classes of each column that has some.
#[derive(Debug, Default)]
pub(crate) struct ClassNames(BTreeMap<String, Vec<String>>);

impl ClassNames {
    /// Those in the metadata of `schema`, under the key `huggingface`: features of the type
    /// `ClassLabel`.
    pub(crate) fn of(schema: &Schema) -> Self {
        let Some(written) = schema.metadata().get("huggingface") else { return Self::default() };
        let known: Value = serde_json::from_str(written).unwrap_or_default();
        let features = known.pointer("/info/features").and_then(Value::as_object);
        let classes = features.into_iter().flatten().filter_map(|(column, feature)| {
            let is_class = feature.get("_type").and_then(Value::as_str) == Some("ClassLabel");
            let names = feature.get("names").filter(|_| is_class)?.as_array()?;
            let names: Option<Vec<String>> =
                names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
            Some((column.clone(), names?))
        });
        Self(classes.collect())
    }

    /// Whether there are some for `column`.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.0.contains_key(column)
    }

    /// The name of the class that `value` of `column` numbers; other values stay.
    pub(crate) fn named(&self, column: &str, value: Value) -> Value {
        let Some(names) = self.0.get(column) else { return value };
        let id = value.as_i64().and_then(|id| usize::try_from(id).ok());
        let name = id.and_then(|id| names.get(id));
        name.map_or(value, |name| Value::String(name.clone()))
    }
}
