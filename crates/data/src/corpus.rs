//! A labelled corpus: a user's file, read and judged as a whole.
//!
//! A file is read to its end before it is refused, so that one message tells all that is wrong with
//! it. What is returned holds only rows that can be used.

use std::path::PathBuf;

use crate::bad_row::BadRows;
use crate::columns::{Columns, Wanted};
use crate::data_file;
use crate::error::DataError;
use crate::labels::{LabelError, LabelMap, Labels};
use crate::rows::Rows;
use crate::sorted_rows::SortedRows;

/// A file of labelled texts, as the user names it.
#[derive(Clone, Debug)]
pub struct CorpusSource {
    /// The file; its extension tells the format.
    pub path: PathBuf,
    /// The column of the text; detected when not given.
    pub text_column: Option<String>,
    /// The column of the label; detected when not given.
    pub label_column: Option<String>,
    /// What becomes of rows that cannot be used.
    pub on_bad_row: OnBadRow,
}

/// What becomes of rows that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBadRow {
    /// The file is refused, with a list of them.
    #[default]
    Fail,
    /// They are dropped and counted.
    Skip,
}

/// One labelled text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The text to classify.
    pub text: String,
    /// The number of its class.
    pub label: u32,
    /// The physical line of the file on which it begins, counted from 1.
    pub line: u64,
}

/// The usable examples of one file.
#[derive(Clone, Debug)]
pub struct Corpus {
    examples: Vec<Example>,
    labels: LabelMap,
    columns: Columns,
    skipped: BadRows,
}

impl Corpus {
    /// Reads the file of `source`.
    ///
    /// # Errors
    /// [`DataError`], for a file that cannot be read or that cannot be learned from.
    pub fn read(source: &CorpusSource, labels: Labels<'_>) -> Result<Self, DataError> {
        let file = data_file::open(&source.path)?;
        let format = data_file::format(&source.path)?;
        let wanted = Wanted {
            text: source.text_column.clone().into(),
            label: Some(source.label_column.clone().into()),
        };
        let mut rows = Rows::new(file, format, wanted, &source.path)?;
        let sorted = SortedRows::read(&mut rows, labels)?;
        let columns = sorted.judge(source, rows.columns(), labels)?;
        let labels = sorted.labels(labels).map_err(|fault| {
            let path = source.path.clone();
            DataError::Labels { path, skipped: sorted.bad().clone(), fault }
        })?;
        let (examples, skipped) = sorted.examples(&labels);
        Ok(Self { examples, labels, columns, skipped })
    }

    /// A corpus that does not come from a file.
    ///
    /// # Errors
    /// [`LabelError`] when a class is out of range or there are too few examples or classes.
    pub fn from_examples(examples: Vec<Example>, labels: LabelMap) -> Result<Self, LabelError> {
        let classes = labels.len();
        if let [name] = labels.names() {
            let (name, examples) = (name.clone(), examples.len());
            return Err(LabelError::SingleClass { name, examples });
        }
        for (example, Example { label, .. }) in examples.iter().enumerate() {
            if labels.name(*label).is_none() {
                return Err(LabelError::OutOfRange { example, label: *label, classes });
            }
        }
        if examples.len() < classes {
            return Err(LabelError::FewerExamplesThanClasses { examples: examples.len(), classes });
        }
        let columns = Columns { text: "text".to_owned(), label: Some("label".to_owned()) };
        Ok(Self { examples, labels, columns, skipped: BadRows::default() })
    }

    /// The examples in the order of the file.
    #[must_use]
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The text and the class of each example, in the order of the file.
    pub fn texts_and_labels(&self) -> impl Iterator<Item = (&str, u32)> + '_ {
        self.examples.iter().map(|example| (example.text.as_str(), example.label))
    }

    /// The classes.
    #[must_use]
    pub fn labels(&self) -> &LabelMap {
        &self.labels
    }

    /// The columns that were read.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The rows that were dropped.
    #[must_use]
    pub fn skipped(&self) -> &BadRows {
        &self.skipped
    }
}
