//! Records as rows: the text and, where wanted, the label of each.
//!
//! The columns are settled at the first record that shows them, the header of a table or the first
//! object of JSON lines, so a file is read in one pass and no row is held longer than it takes.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bad_row::BadRowKind;
use crate::columns::{ColumnError, Columns, Wanted};
use crate::error::DataError;
use crate::records::{Cells, Format, Record, Records, type_name};

/// One row of a file.
#[derive(Debug)]
pub(crate) struct Row {
    /// The physical line on which it begins.
    pub(crate) line: u64,
    /// What it says, or what is wrong with it.
    pub(crate) content: Result<Content, BadRowKind>,
}

/// What a row says.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) text: String,
    /// The label as the file has it; nothing where no label is wanted.
    pub(crate) label: Option<String>,
}

/// The rows of one file.
#[derive(Debug)]
pub(crate) struct Rows<R> {
    records: Records<R>,
    wanted: Wanted,
    /// Nothing before the first record that shows the columns.
    layout: Option<Layout>,
    path: PathBuf,
}

impl<R: BufRead> Rows<R> {
    /// The rows that `reader` holds; `path` is what messages call it.
    pub(crate) fn new(
        reader: R,
        format: Format,
        wanted: Wanted,
        path: &Path,
    ) -> Result<Self, DataError> {
        let records = Records::new(reader, format);
        let mut rows = Self { records, wanted, layout: None, path: path.to_owned() };
        match format {
            Format::Plain => rows.layout = Some(Layout::of_plain_text()),
            Format::Tsv | Format::Csv => rows.read_header()?,
            Format::Jsonl => {}
        }
        Ok(rows)
    }

    /// The columns that are read, once a header or an object has shown them.
    pub(crate) fn columns(&self) -> Option<&Columns> {
        self.layout.as_ref().map(|layout| &layout.columns)
    }

    /// The next row, or nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, DataError> {
        let Some(Record { line, cells }) = self.record()? else { return Ok(None) };
        let content = match cells {
            Ok(cells) => self.layout_shown_by(line, &cells)?.content(cells),
            Err(kind) => Err(kind),
        };
        Ok(Some(Row { line, content }))
    }

    fn read_header(&mut self) -> Result<(), DataError> {
        while let Some(Record { line, cells }) = self.record()? {
            match cells {
                Ok(header) => {
                    self.layout_shown_by(line, &header)?;
                    break;
                }
                Err(BadRowKind::EmptyLine) => {}
                Err(kind) => {
                    return Err(DataError::BadHeader { path: self.path.clone(), line, kind });
                }
            }
        }
        Ok(())
    }

    fn record(&mut self) -> Result<Option<Record>, DataError> {
        self.records.next().map_err(|source| DataError::Unreadable {
            path: self.path.clone(),
            line: self.records.line() + 1,
            source,
        })
    }

    fn layout_shown_by(&mut self, line: u64, cells: &Cells) -> Result<&Layout, DataError> {
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => {
                Layout::settle(&self.wanted, &cells.names()).map_err(|fault| DataError::Column {
                    path: self.path.clone(),
                    line,
                    format: self.records.format(),
                    fault,
                })?
            }
        };
        Ok(self.layout.insert(layout))
    }
}

/// Where the wanted columns stand.
#[derive(Debug)]
struct Layout {
    columns: Columns,
    /// How many columns a table has.
    width: usize,
    /// The place of the text among the columns of a table.
    text: usize,
    /// The place of the label among the columns of a table.
    label: usize,
}

impl Layout {
    fn of_plain_text() -> Self {
        let columns = Columns { text: "text".to_owned(), label: None };
        Self { columns, width: 1, text: 0, label: 0 }
    }

    fn settle(wanted: &Wanted, names: &[String]) -> Result<Self, ColumnError> {
        let columns = wanted.among(names)?;
        let place = |column| names.iter().position(|name| Some(name) == column).unwrap_or_default();
        let (text, label) = (place(Some(&columns.text)), place(columns.label.as_ref()));
        Ok(Self { width: names.len(), text, label, columns })
    }

    fn content(&self, mut cells: Cells) -> Result<Content, BadRowKind> {
        if let Cells::Row(cells) = &cells
            && cells.len() != self.width
        {
            return Err(BadRowKind::WrongColumnCount { expected: self.width, found: cells.len() });
        }
        let text = text(&self.columns.text, cells.take(self.text, &self.columns.text))?;
        let label = match &self.columns.label {
            Some(column) => Some(label(column, cells.take(self.label, column))?),
            None => None,
        };
        Ok(Content { text, label })
    }
}

impl Cells {
    /// The names of the columns, if these cells are the first to show them.
    fn names(&self) -> Vec<String> {
        match self {
            Self::Row(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
            Self::Object(object) => object.keys().cloned().collect(),
        }
    }

    /// Takes out the cell of one column.
    fn take(&mut self, place: usize, name: &str) -> Value {
        let value = match self {
            Self::Row(cells) => {
                cells.get_mut(place).map(|cell| Value::String(std::mem::take(cell)))
            }
            Self::Object(object) => object.get_mut(name).map(Value::take),
        };
        value.unwrap_or_default()
    }
}

fn text(column: &str, value: Value) -> Result<String, BadRowKind> {
    match value {
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
