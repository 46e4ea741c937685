//! Rows of column-oriented files: Parquet, and Arrow IPC as a file (Feather) or a stream.
//!
//! A [`ColumnarTable`] tells its columns first, then gives the values of the selected ones, row by row. One batch
//! is held at a time. A damaged file is an error: faults at which the `parquet` and `arrow` crates panic
//! are caught and reported too, and what a file claims (sizes, counts, nesting) is compared with its size and with
//! bounds before memory is reserved for it.

mod bounds;
mod cell;
mod class_names;
mod framing;
mod guard;
mod ipc;
mod lengths;
mod pages;
mod parquet_file;
mod thrift;

use std::fs::File;
use std::io;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use serde_json::Value;

use class_names::ClassNames;

/// How a column-oriented file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnarFormat {
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC file (Feather), or a stream, as in the folders of `datasets`.
    Arrow,
}

/// Why a column-oriented file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ColumnarError {
    /// The file system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The bytes are not what the format asks for.
    #[error("{0}")]
    Damaged(String),
    /// The file is whole, but a part of it needs more memory than is given for it.
    #[error("{0}")]
    TooLarge(String),
    /// Something that is not read.
    #[error("{0}")]
    Unsupported(String),
}

/// The rows of a column-oriented file.
pub struct ColumnarTable {
    reader: Reader,
    schema: SchemaRef,
    /// The places of the selected columns in the schema, in the order of the values of a row.
    selected: Vec<usize>,
    class_names: ClassNames,
    batch: Option<RecordBatch>,
    /// The next row of the batch.
    row: usize,
}

enum Reader {
    Parquet(parquet_file::Reader),
    Arrow(ipc::Reader),
}

impl std::fmt::Debug for ColumnarTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ColumnarTable").field("columns", &self.names()).finish_non_exhaustive()
    }
}

impl ColumnarTable {
    /// The table in `file`, all columns selected.
    ///
    /// # Errors
    /// [`ColumnarError`] when the file does not begin or end as its layout asks for.
    pub fn open(file: File, layout: ColumnarFormat) -> Result<Self, ColumnarError> {
        let reader = match layout {
            ColumnarFormat::Parquet => Reader::Parquet(parquet_file::Reader::open(file)?),
            ColumnarFormat::Arrow => Reader::Arrow(ipc::Reader::open(file)?),
        };
        let schema = match &reader {
            Reader::Parquet(reader) => reader.schema(),
            Reader::Arrow(reader) => reader.schema(),
        };
        let class_names = ClassNames::of(&schema);
        let selected = (0..schema.fields().len()).collect();
        Ok(Self { reader, schema, selected, class_names, batch: None, row: 0 })
    }

    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// Whether the values of a column are numbers of classes whose names the file has; -1 is then no class.
    #[must_use]
    pub fn has_class_names(&self, column: &str) -> bool {
        self.class_names.has(column)
    }

    /// Reads only the columns at `places`, before any row is read.
    ///
    /// # Errors
    /// [`ColumnarError::Unsupported`] for a column whose type holds neither texts nor labels.
    pub fn select(&mut self, places: &[usize]) -> Result<(), ColumnarError> {
        for field in places.iter().filter_map(|place| self.schema.fields().get(*place)) {
            if !cell::is_supported(field.data_type()) {
                return Err(ColumnarError::Unsupported(format!(
                    "the column `{}` holds values of the type {}; strings, integers, booleans and \
                     floats are read",
                    field.name(),
                    short(field.data_type())
                )));
            }
        }
        places.clone_into(&mut self.selected);
        match &mut self.reader {
            Reader::Parquet(reader) => reader.select(places),
            Reader::Arrow(reader) => reader.select(places),
        }
        Ok(())
    }

    /// The values of the next row, in the order of the selected columns; nothing at the end.
    ///
    /// Integers of a column with class names are strings.
    ///
    /// # Errors
    /// [`ColumnarError`] when the file is damaged or cannot be read.
    #[expect(clippy::should_implement_trait, reason = "it can fail, as the other readers of rows")]
    pub fn next(&mut self) -> Result<Option<Vec<Value>>, ColumnarError> {
        while self.batch.as_ref().is_none_or(|batch| self.row >= batch.num_rows()) {
            let batch = match &mut self.reader {
                Reader::Parquet(reader) => reader.next()?,
                Reader::Arrow(reader) => reader.next()?,
            };
            self.row = 0;
            self.batch = None;
            let Some(batch) = batch else { return Ok(None) };
            self.batch = Some(batch);
        }
        let Some(batch) = &self.batch else { return Ok(None) };
        let (row, fields) = (self.row, self.schema.fields());
        self.row += 1;
        let values = self.selected.iter().map(|place| {
            let name = fields.get(*place).map(|field| field.name().as_str()).unwrap_or_default();
            let column = match &self.reader {
                Reader::Parquet(reader) => reader.place(*place),
                Reader::Arrow(reader) => reader.place(*place),
            };
            let array = column.and_then(|column| batch.columns().get(column));
            let value = array.map_or(Ok(Value::Null), |array| {
                guard::caught(|| Ok(cell::value(array.as_ref(), row)))
            })?;
            Ok(self.class_names.named(name, value))
        });
        values.collect::<Result<_, ColumnarError>>().map(Some)
    }
}

/// The name of a type, cut where it is nested.
fn short(data_type: &DataType) -> String {
    let name = data_type.to_string();
    name.split(['(', ' ', '<']).next().unwrap_or_default().to_owned()
}
