//! What a run says at once: a text for people, and the same as fields for programs.

use serde_json::{Map, Value};

/// Lines about one thing.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    /// What it is about.
    pub(crate) kind: &'static str,
    /// Whole lines, without the last newline.
    pub(crate) text: String,
    /// The same facts.
    pub(crate) fields: Map<String, Value>,
    /// Whether a quiet run says it too.
    pub(crate) is_closing: bool,
    /// Whether the live view shows it.
    pub(crate) is_in_view: bool,
}

impl Fact {
    /// A fact of a kind; `fields` is a JSON object.
    pub(crate) fn new(kind: &'static str, text: String, fields: Value) -> Self {
        let fields = match fields {
            Value::Object(fields) => fields,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        Self { kind, text, fields, is_closing: false, is_in_view: false }
    }

    /// The same, which a quiet run says too.
    pub(crate) fn closing(self) -> Self {
        Self { is_closing: true, ..self }
    }

    /// The same, which is left out where a live view shows it.
    pub(crate) fn in_view(self) -> Self {
        Self { is_in_view: true, ..self }
    }
}

/// Rows of a name and a value; a row without a name belongs to the one above.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account(Vec<(&'static str, String)>);

impl Account {
    /// Appends a row, unless the value is empty.
    pub(crate) fn row(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.0.push((name, value));
        }
        self
    }

    /// Appends rows.
    pub(crate) fn rows(self, rows: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        rows.into_iter().fold(self, |all, (name, value)| all.row(name, value))
    }

    /// A fact for each name.
    pub(crate) fn facts(self) -> Vec<Fact> {
        let mut named: Vec<(&'static str, String, String)> = Vec::new();
        for (name, value) in self.0 {
            let line = format!("{name:<10} {value}");
            match named.last_mut().filter(|_| name.is_empty()) {
                Some((_, text, values)) => {
                    *text = format!("{text}\n{line}");
                    *values = format!("{values}; {value}");
                }
                None => named.push((name, line, value)),
            }
        }
        let fact = |(name, text, value): (&str, String, String)| {
            Fact::new("account", text, serde_json::json!({ "name": name, "message": value }))
        };
        named.into_iter().map(fact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_name_belong_to_the_one_above() {
        let rows = [("train", "a.tsv".to_owned()), ("", "2 classes".to_owned())];
        let facts = Account::default().rows(rows).row("loss", "").row("model", "m").facts();
        let texts: Vec<&str> = facts.iter().map(|fact| fact.text.as_str()).collect();
        assert_eq!(texts, ["train      a.tsv\n           2 classes", "model      m"]);
        assert_eq!(facts[0].fields["message"], "a.tsv; 2 classes");
    }
}
