//! Records as rows: the text and, where wanted, the label of each.
//!
//! The columns of a table are settled by its header, each column of JSON lines by the first object that
//! shows it, so a file is read in one pass and no row is held longer than it takes. An object before
//! that lacks the column, so it is a bad row whatever the column is called.

mod header;
mod layout;

use std::fs::File;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use lockstep_columnar::{ColumnarError, ColumnarTable};

use crate::bad_row::BadRowKind;
use crate::column_error::ColumnError;
use crate::column_role::ColumnRole;
use crate::columns::{ColumnChoice, Columns, Wanted};
use crate::dialect::{Dialect, Header, Writing};
use crate::error::DataError;
use crate::foreign::Foreign;
use crate::format::Format;
use crate::manner::Manner;
use crate::phrases::ColumnSample;
use crate::records::{Broken, Cells, Record, Records, columns};
use layout::Layout;

/// One row of a file.
#[derive(Debug)]
pub(crate) struct Row {
    /// The physical line on which it begins, or its number where there are no lines.
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
pub(crate) struct Rows<R: BufRead> {
    records: Records<R>,
    wanted: Wanted,
    dialect: Dialect,
    layout: Layout,
    /// The first record that could have shown the columns, until they are settled.
    first: Option<First>,
    /// The rows that were given.
    given: u64,
    path: PathBuf,
}

/// A record that could have shown the columns.
#[derive(Debug)]
struct First {
    line: u64,
    names: Vec<String>,
    /// What they hold, where the record has both.
    samples: Vec<ColumnSample>,
}

impl<R: BufRead> Rows<R> {
    /// The rows that `reader` holds; `path` is what messages call it.
    pub(crate) fn new(
        reader: R,
        writing: Writing,
        wanted: Wanted,
        path: &Path,
    ) -> Result<Self, DataError> {
        let Writing { format, dialect } = writing;
        let records = Records::new(reader, writing).map_err(|source| DataError::Unreadable {
            path: path.to_owned(),
            numbering: format.numbering(),
            line: 1,
            source,
        })?;
        let mut rows = Self { dialect, ..Self::of(records, wanted, path) };
        match format {
            Format::Plain => rows.layout = Layout::of_plain_text(&rows.wanted.text),
            Format::Tsv | Format::Csv => match dialect.header {
                Header::Names => rows.read_header()?,
                Header::Absent => rows.number_columns()?,
            },
            Format::FastText | Format::Trec => {
                let names = columns(format).iter().map(|&name| name.to_owned()).collect();
                rows.look(1, &Cells::Row(names))?;
                rows.check_columns()?;
            }
            Format::Jsonl | Format::Json | Format::Parquet | Format::Arrow => {}
        }
        Ok(rows)
    }

    /// The rows of a column-oriented file; `path` is what messages call it.
    pub(crate) fn of_table(
        file: File,
        format: Format,
        wanted: Wanted,
        path: &Path,
    ) -> Result<Self, DataError> {
        let fault = |source: ColumnarError| {
            let (path, source) = (path.to_owned(), Box::new(source));
            DataError::Table { path, format, source }
        };
        let kind = match format {
            Format::Arrow => lockstep_columnar::ColumnarFormat::Arrow,
            _ => lockstep_columnar::ColumnarFormat::Parquet,
        };
        let table = ColumnarTable::open(file, kind).map_err(fault)?;
        let names = table.names();
        let named: Vec<String> =
            names.iter().filter(|name| table.has_class_names(name)).cloned().collect();
        let names = Cells::Row(names);
        let mut rows = Self::of(Records::of_table(table, format), wanted, path);
        let settled = rows.look(1, &names).and_then(|()| rows.check_columns());
        settled.map_err(|fault| rows.with_next_row(fault, &names.names()))?;
        rows.layout.note_class_names(&named);
        rows.records.select(&rows.layout.select()).map_err(fault)?;
        Ok(rows)
    }

    fn of(records: Records<R>, wanted: Wanted, path: &Path) -> Self {
        let (dialect, layout) = (Dialect::default(), Layout::default());
        let path = path.to_owned();
        Self { records, wanted, dialect, layout, first: None, given: 0, path }
    }

    /// The columns that were read; nothing where no record could show them.
    ///
    /// # Errors
    /// [`DataError::Column`] when there were records, and none of them showed the columns.
    pub(crate) fn into_columns(self) -> Result<Option<Columns>, DataError> {
        self.check_columns()?;
        let Layout { text, second, label, .. } = self.layout;
        let [second, label] = [second, label].map(|column| column.map(|column| column.name));
        Ok(text.map(|text| Columns { text: text.name, second, label }))
    }

    /// What the file seems to be, where it is no UTF-8 text.
    pub(crate) fn foreign(&self) -> Option<Foreign> {
        self.records.foreign()
    }

    /// How the file is read, where its name does not say it.
    pub(crate) fn manner(&self) -> Manner {
        self.records.manner()
    }

    /// How the file is written.
    pub(crate) fn format(&self) -> Format {
        self.records.format()
    }

    /// What messages call the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next row, or nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, DataError> {
        let Some(Record { line, cells }) = self.record()? else { return Ok(None) };
        self.given += 1;
        let content = match cells {
            Ok(cells) => {
                if matches!(cells, Cells::Object(_)) {
                    let settled = self.look(line, &cells);
                    settled.map_err(|fault| fault.with_samples(cells.samples(&cells.names())))?;
                }
                self.layout.content(&self.wanted, cells)
            }
            Err(kind) => Err(kind),
        };
        Ok(Some(Row { line, content }))
    }

    /// Whether what was read to the end had rows, under columns that it showed.
    ///
    /// # Errors
    /// [`DataError`] when it had not; an input without any byte has none and is right.
    pub(crate) fn check_end(&self) -> Result<(), DataError> {
        self.check_columns()?;
        match (&self.layout.text, self.records.format()) {
            (Some(text), Format::Tsv | Format::Csv | Format::Parquet | Format::Arrow)
                if self.given == 0 =>
            {
                let (path, text) = (self.path.clone(), text.name.clone());
                Err(DataError::NoRows { path, text, label: String::new() })
            }
            (None, Format::Tsv | Format::Csv) if self.records.line() > 0 => {
                Err(DataError::EmptyFile { path: self.path.clone() })
            }
            _ => Ok(()),
        }
    }

    fn check_columns(&self) -> Result<(), DataError> {
        let Some(First { line, names, samples }) = &self.first else { return Ok(()) };
        let Layout { text, label, .. } = &self.layout;
        let is_settled = |wanted: Option<&ColumnChoice>, found| wanted.is_none() || found;
        if is_settled(Some(&self.wanted.text), text.is_some())
            && is_settled(self.wanted.label.as_ref(), label.is_some())
        {
            return Ok(());
        }
        let fault = if text.is_none() {
            self.wanted.text.missing(ColumnRole::Text, names)
        } else {
            self.wanted.label.as_ref().map_or_else(
                || self.wanted.text.missing(ColumnRole::Text, names),
                |label| label.missing(ColumnRole::Label, names),
            )
        };
        Err(self.column_error(*line, fault).with_samples(samples.clone()))
    }

    fn record(&mut self) -> Result<Option<Record>, DataError> {
        let record = self.records.next();
        let (path, format) = (self.path.clone(), self.records.format());
        record.map_err(|broken| match broken {
            Broken::Io(source) => {
                let (numbering, line) = (format.numbering(), self.records.line() + 1);
                DataError::Unreadable { path, numbering, line, source }
            }
            Broken::Table(source) => DataError::Table { path, format, source: Box::new(source) },
        })
    }

    /// Looks for the columns that are not settled yet.
    fn look(&mut self, line: u64, cells: &Cells) -> Result<(), DataError> {
        let Layout { text, label, .. } = &self.layout;
        if text.is_some() && (label.is_some() || self.wanted.label.is_none()) {
            return Ok(());
        }
        let names = cells.names();
        let settled = self.layout.settle(&self.wanted, &names);
        settled.map_err(|fault| self.column_error(line, fault))?;
        self.first.get_or_insert_with(|| {
            let samples = match cells {
                Cells::Object(_) => cells.samples(&names),
                Cells::Row(_) | Cells::Values(_) => Vec::new(),
            };
            First { line, names, samples }
        });
        Ok(())
    }

    fn column_error(&self, line: u64, fault: ColumnError) -> DataError {
        let (path, format) = (self.path.clone(), self.records.format());
        DataError::Column { path, line, format, fault, samples: Vec::new() }
    }
}
