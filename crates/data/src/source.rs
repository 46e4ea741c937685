//! A file of labelled texts as the user names it, and one of its examples.

use std::path::PathBuf;

use crate::columns::ColumnChoice;

/// A file of labelled texts, as the user names it.
#[derive(Clone, Debug)]
pub struct CorpusSource {
    /// The file; its extension tells the format.
    pub path: PathBuf,
    /// The column of the text.
    pub text_column: ColumnChoice,
    /// The column of the label.
    pub label_column: ColumnChoice,
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
    /// The text to classify, or the pair of texts ([`crate::paired`]).
    pub text: String,
    /// The number of its class.
    pub label: u32,
    /// The physical line of the file on which it begins, counted from 1.
    pub line: u64,
}
