//! Where in a record the text and the label stand, and what they say.

use serde_json::Value;

use super::Content;
use crate::bad_row::{BadRowKind, ROW_LIMIT};
use crate::column_error::ColumnError;
use crate::column_role::ColumnRole;
use crate::columns::{ColumnChoice, Texts, Wanted};
use crate::excerpt::excerpt;
use crate::label_value::{is_integer, value_of};
use crate::pair::paired;
use crate::phrases::ColumnSample;
use crate::records::{Cells, type_name};

/// Where the wanted columns stand.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// How many columns a table has.
    width: usize,
    pub(super) text: Option<Column>,
    /// The second text of a pair.
    pub(super) second: Option<Column>,
    /// Whether a row is a line with both texts of a pair, with a tab between them.
    has_pairs_in_lines: bool,
    pub(super) label: Option<Column>,
    /// Whether the labels are numbers of classes whose names the file has.
    has_class_names: bool,
}

/// A column that was found.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    place: usize,
}

impl Layout {
    /// That of a file with nothing but texts, or with nothing but pairs of them.
    pub(super) fn of_plain_text(choice: &ColumnChoice) -> Self {
        let text = Some(Column { name: "text".to_owned(), place: 0 });
        let has_pairs_in_lines = choice.is_pair_in_lines();
        Self { width: 1, text, has_pairs_in_lines, ..Self::default() }
    }

    /// Takes the columns that are not settled yet and are among `names`.
    pub(super) fn settle(&mut self, wanted: &Wanted, names: &[String]) -> Result<(), ColumnError> {
        let column = |found: String| {
            let place = names.iter().position(|name| *name == found)?;
            Some(Column { name: found, place })
        };
        let Self { width, text, second, label, .. } = self;
        *width = names.len();
        if text.is_none() {
            (*text, *second) = match wanted.text.texts_among(names)? {
                None => (None, None),
                Some(Texts::One(name)) => (column(name), None),
                Some(Texts::Pair([first, second])) => (column(first), column(second)),
            };
        }
        if let (None, Some(choice)) = (&label, &wanted.label) {
            *label = choice.among(ColumnRole::Label, names)?.and_then(column);
        }
        let Some(label) = label else { return Ok(()) };
        match [text, second].into_iter().flatten().find(|text| text.name == label.name) {
            Some(text) => Err(ColumnError::Same { column: text.name.clone() }),
            None => Ok(()),
        }
    }

    /// Whether all that is wanted is among `names`, without doubt.
    pub(super) fn is_in(wanted: &Wanted, names: &[String]) -> bool {
        let mut layout = Self::default();
        layout.settle(wanted, names).is_ok()
            && layout.text.is_some()
            && (layout.label.is_some() || wanted.label.is_none())
    }

    /// Notes which columns hold numbers of classes whose names the file has.
    pub(super) fn note_class_names(&mut self, columns: &[String]) {
        self.has_class_names =
            self.label.as_ref().is_some_and(|label| columns.contains(&label.name));
    }

    /// The places of the columns, which are from then on the only ones, the texts first.
    pub(super) fn select(&mut self) -> Vec<usize> {
        let Self { text, second, label, .. } = self;
        let columns = text.iter_mut().chain(second).chain(label).enumerate();
        columns.map(|(new, column)| std::mem::replace(&mut column.place, new)).collect()
    }

    /// What a record says.
    pub(super) fn content(&self, wanted: &Wanted, mut cells: Cells) -> Result<Content, BadRowKind> {
        if let Cells::Row(cells) = &cells
            && cells.len() != self.width
        {
            return Err(BadRowKind::WrongColumnCount { expected: self.width, found: cells.len() });
        }
        let mut take = |column: Option<&Column>, choice: &ColumnChoice, role| match column {
            Some(Column { name, place }) => (name.clone(), cells.take(*place, name)),
            None => (choice.name(role), Value::Null),
        };
        let (column, value) = take(self.text.as_ref(), &wanted.text, ColumnRole::Text);
        let mut content = text(&column, value)?;
        if self.has_pairs_in_lines {
            content = pair_of_line(&content)?;
        }
        if self.second.is_some() {
            let (column, value) = take(self.second.as_ref(), &wanted.text, ColumnRole::Text);
            content = paired(&content, &text(&column, value)?);
        }
        let label = match &wanted.label {
            Some(choice) => {
                let (column, value) = take(self.label.as_ref(), choice, ColumnRole::Label);
                if self.has_class_names && value.as_i64() == Some(-1) {
                    return Err(BadRowKind::Unlabelled);
                }
                Some(label(&column, value)?)
            }
            None => None,
        };
        Ok(Content { text: content, label })
    }
}

impl Cells {
    /// The names of the columns, if these cells are the first to show them.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Row(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
            Self::Values(_) => Vec::new(),
            Self::Object(object) => object.keys().cloned().collect(),
        }
    }

    /// What these cells hold in the columns `names`, if those are in their order.
    pub(super) fn samples(&self, names: &[String]) -> Vec<ColumnSample> {
        let of_value = |value: &Value| match value {
            Value::String(text) => excerpt(text),
            other => excerpt(&other.to_string()),
        };
        let values: Vec<String> = match self {
            Self::Row(cells) => cells.iter().map(|cell| excerpt(cell)).collect(),
            Self::Values(values) => values.iter().map(of_value).collect(),
            Self::Object(object) => object.values().map(of_value).collect(),
        };
        let named = names.iter().cloned().zip(values);
        named.map(|(name, value)| ColumnSample { name, value }).collect()
    }

    /// Whether a cell of a table has a carriage return in it.
    pub(super) fn has_returns(&self) -> bool {
        matches!(self, Self::Row(cells) if cells.iter().any(|cell| cell.contains('\r')))
    }

    /// Takes out the cell of one column.
    fn take(&mut self, place: usize, name: &str) -> Value {
        let value = match self {
            Self::Row(cells) => {
                cells.get_mut(place).map(|cell| Value::String(std::mem::take(cell)))
            }
            Self::Values(values) => values.get_mut(place).map(Value::take),
            Self::Object(object) => object.get_mut(name).map(Value::take),
        };
        value.unwrap_or_default()
    }
}

/// The pair that a line holds.
fn pair_of_line(line: &str) -> Result<String, BadRowKind> {
    let texts: Vec<&str> = line.split('\t').collect();
    match texts.as_slice() {
        [first, second] if !first.trim().is_empty() && !second.trim().is_empty() => {
            Ok(paired(first, second))
        }
        [_, _] => Err(BadRowKind::EmptyText),
        _ => Err(BadRowKind::NotAPair { found: texts.len() }),
    }
}

fn text(column: &str, value: Value) -> Result<String, BadRowKind> {
    match value {
        Value::String(text) if text.len() > ROW_LIMIT => Err(BadRowKind::TooLong),
        Value::String(text) if text.contains('\0') => Err(BadRowKind::NulByte),
        Value::String(text) if text.trim().is_empty() => Err(BadRowKind::EmptyText),
        Value::String(text) => Ok(text),
        Value::Null => Err(BadRowKind::MissingText { column: column.to_owned() }),
        other => Err(wrong_type(column, &other, "a string")),
    }
}

fn label(column: &str, value: Value) -> Result<String, BadRowKind> {
    let label = match value {
        Value::String(label) => label.trim().to_owned(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        Value::Number(number) if is_integer(&value_of(&number.to_string())) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => String::new(),
        other => return Err(wrong_type(column, &other, "a string, an integer or a boolean")),
    };
    match label.as_str() {
        "" => Err(BadRowKind::MissingLabel { column: column.to_owned() }),
        label if label.contains('\0') => Err(BadRowKind::NulByte),
        _ => Ok(label),
    }
}

fn wrong_type(column: &str, found: &Value, expected: &'static str) -> BadRowKind {
    BadRowKind::WrongType { column: column.to_owned(), found: type_name(found), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_table_is_no_longer_than_a_row_of_a_file() {
        let of = |length| text("text", Value::String("x".repeat(length))).map(|text| text.len());
        assert_eq!(of(ROW_LIMIT), Ok(ROW_LIMIT));
        assert_eq!(of(ROW_LIMIT + 1), Err(BadRowKind::TooLong));
    }
}
