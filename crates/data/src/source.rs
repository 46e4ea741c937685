//! Files of labelled texts as the user names them, and one of their examples.

use serde::Serialize;

use crate::columns::ColumnChoice;
use crate::dialect::Dialect;
use crate::file_set::FileSet;
use crate::read_files::RowPlace;

/// Files of labelled texts, as the user names them.
#[derive(Clone, Debug)]
pub struct CorpusSource {
    /// The files.
    pub files: FileSet,
    /// The column of the text.
    pub text_column: ColumnChoice,
    /// The column of the label.
    pub label_column: ColumnChoice,
    /// How the files are written, where the user says it.
    pub dialect: Dialect,
    /// What becomes of rows that cannot be used.
    pub on_bad_row: OnBadRow,
}

impl<F: Into<FileSet>> From<F> for CorpusSource {
    /// Files of which nothing is said.
    fn from(files: F) -> Self {
        Self {
            files: files.into(),
            text_column: ColumnChoice::Detect,
            label_column: ColumnChoice::Detect,
            dialect: Dialect::default(),
            on_bad_row: OnBadRow::default(),
        }
    }
}

/// What becomes of rows that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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
    /// The text to classify, or the pair of texts ([`crate::paired`]).
    pub text: String,
    /// The number of its class.
    pub label: u32,
    /// Where it stands.
    pub place: RowPlace,
}
