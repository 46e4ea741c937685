//! Rows that cannot be used, and the account of them that a user gets.
//!
//! Bad rows are facts, not text: the same list serves the error that refuses a file, the warning
//! that says what was skipped, and the answer `predict` gives on one line.

use std::collections::BTreeMap;
use std::fmt;

use lockstep_world::counted;

use crate::excerpt::excerpt;
use crate::read_files::{ReadFiles, RowPlace};

/// The bytes of one row that are held at most: far above any text, far below a machine's memory.
pub(crate) const ROW_LIMIT: usize = 1 << 20;

/// One row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Where it stands.
    pub place: RowPlace,
    /// What is wrong with it.
    pub kind: BadRowKind,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.place.line, self.kind)
    }
}

/// What can be wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRowKind {
    /// Nothing stands on the line.
    #[error("the line is empty")]
    EmptyLine,
    /// The text has no characters, or only white space.
    #[error("the text is empty or blank")]
    EmptyText,
    /// The text is null, or its key is absent.
    #[error("the text is missing: `{column}` is null or absent")]
    MissingText {
        /// The column the text was looked for in.
        column: String,
    },
    /// The label is null, absent or blank.
    #[error("the label is missing: `{column}` is null, absent or blank")]
    MissingLabel {
        /// The column the label was looked for in.
        column: String,
    },
    /// The label is the usual mark of a row that has none.
    #[error("the label {} marks a row without a label", excerpt(.label))]
    NoLabel {
        /// The label as the file has it.
        label: String,
    },
    /// The label is the number that `datasets` writes beside the names of classes where there is no label.
    #[error("the label is -1, which marks a row without a label")]
    Unlabelled,
    /// The label map has no such label.
    #[error("the label {} is not in the label map", excerpt(.label))]
    UnmappedLabel {
        /// The label as the file has it.
        label: String,
    },
    /// The label is none of those the model knows.
    #[error("the label {} is unknown", excerpt(.label))]
    UnknownLabel {
        /// The label as the file has it.
        label: String,
    },
    /// The row has more or fewer cells than the header.
    #[error("the row has {}, but the header has {expected}", counted(*found, "column"))]
    WrongColumnCount {
        /// The number of columns in the header.
        expected: usize,
        /// The number of cells in this row.
        found: usize,
    },
    /// A line that should hold the two texts of a pair.
    #[error("the line has {}, but a pair is two with a tab between them", counted(*found, "text"))]
    NotAPair {
        /// The number of texts with tabs between them.
        found: usize,
    },
    /// A value of a type that cannot be a text, or cannot be a label.
    #[error("`{column}` holds {found}, not {expected}")]
    WrongType {
        /// The column.
        column: String,
        /// The JSON type that was found.
        found: &'static str,
        /// What could have stood there.
        expected: &'static str,
    },
    /// The line does not begin with a label, in a format where each does.
    #[error("the line does not begin with a label such as {expected}")]
    NoLabelInFront {
        /// What would be one.
        expected: &'static str,
    },
    /// The line has more than one label.
    #[error("the line has {labels} labels; a text with one label can be used")]
    SeveralLabels {
        /// How many.
        labels: usize,
    },
    /// The line is JSON, but not an object.
    #[error("the line holds {found}, not an object like {{\"text\": …, \"label\": …}}")]
    NotAnObject {
        /// The JSON type that was found.
        found: &'static str,
    },
    /// The line is not JSON.
    #[error("the line is not valid JSON at column {column}: {reason}")]
    InvalidJson {
        /// The column of the line at which the parser gave up, counted from 1.
        column: usize,
        /// What the parser missed there.
        reason: String,
    },
    /// A quoted cell that is still open at the end of the file.
    #[error("a quote opens here and is never closed")]
    UnclosedQuote,
    /// The bytes are not UTF-8.
    #[error("the line is not valid UTF-8")]
    InvalidUtf8,
    /// The bytes are not of the encoding that the user named.
    #[error("the text is not in the encoding that is named")]
    WrongEncoding,
    /// A NUL character, which no text holds on purpose.
    #[error("the line holds a NUL byte")]
    NulByte,
    /// The row is larger than any text that could be meant.
    #[error("the row has more than {} MiB", ROW_LIMIT >> 20)]
    TooLong,
}

impl BadRowKind {
    /// The name under which rows with the mark of no label are counted.
    pub(crate) const NO_LABEL: &str = "marked as unlabelled";
    /// The name of [`Self::Unlabelled`].
    pub(crate) const UNLABELLED: &str = "labelled -1";
    /// The name under which rows with an open quote are counted.
    pub(crate) const UNCLOSED_QUOTE: &str = "unclosed quote";
    /// The name under which lines that are not JSON are counted.
    pub(crate) const INVALID_JSON: &str = "invalid JSON";
    /// The name under which unknown labels are counted.
    pub(crate) const UNKNOWN_LABEL: &str = "unknown label";
    /// The name under which rows of another width are counted.
    pub(crate) const WRONG_COLUMN_COUNT: &str = "wrong number of columns";

    /// The name under which rows of this kind are counted.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::EmptyLine => "empty line",
            Self::EmptyText => "empty text",
            Self::MissingText { .. } => "missing text",
            Self::MissingLabel { .. } => "missing label",
            Self::NoLabel { .. } => Self::NO_LABEL,
            Self::Unlabelled => Self::UNLABELLED,
            Self::UnmappedLabel { .. } => "label outside of the label map",
            Self::UnknownLabel { .. } => Self::UNKNOWN_LABEL,
            Self::WrongColumnCount { .. } => Self::WRONG_COLUMN_COUNT,
            Self::NotAPair { .. } => "not a pair",
            Self::WrongType { .. } => "wrong type",
            Self::NoLabelInFront { .. } => "no label in front",
            Self::SeveralLabels { .. } => "several labels",
            Self::NotAnObject { .. } => "not an object",
            Self::InvalidJson { .. } => Self::INVALID_JSON,
            Self::UnclosedQuote => Self::UNCLOSED_QUOTE,
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::WrongEncoding => "wrong encoding",
            Self::NulByte => "NUL byte",
            Self::TooLong => "too long",
        }
    }
}

/// The bad rows of one set of files: the first of them in full, all of them counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadRows {
    first: Vec<BadRow>,
    counts: BTreeMap<&'static str, u64>,
    files: ReadFiles,
}

impl BadRows {
    /// How many rows are kept in full; the rest would bury them.
    pub const SHOWN: usize = 10;

    /// The same rows as those of `files`.
    pub(crate) fn in_files(self, files: ReadFiles) -> Self {
        Self { files, ..self }
    }

    /// Where a row stands, in words.
    pub(crate) fn words(&self, row: &BadRow) -> String {
        self.files.words(row.place)
    }

    /// The first [`Self::SHOWN`] bad rows in file order.
    #[must_use]
    pub fn first(&self) -> &[BadRow] {
        &self.first
    }

    /// Each kind that occurred and how often, by name.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().map(|(name, count)| (*name, *count))
    }

    /// How many rows of all kinds there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub(crate) fn note(&mut self, row: BadRow) {
        *self.counts.entry(row.kind.name()).or_default() += 1;
        if self.first.len() < Self::SHOWN {
            self.first.push(row);
        }
    }

    /// Notes rows of one kind, wherever they are in the files; `first` has the places of the first.
    pub(crate) fn note_all(&mut self, first: &[RowPlace], rows: u64, kind: &BadRowKind) {
        *self.counts.entry(kind.name()).or_default() += rows;
        self.first.extend(first.iter().map(|&place| BadRow { place, kind: kind.clone() }));
        self.first.sort_by_key(|row| row.place);
        self.first.truncate(Self::SHOWN);
    }

    /// Adds the rows of `others`, wherever in the files they stand.
    pub(crate) fn append(&mut self, others: Self) {
        for (name, count) in others.counts {
            *self.counts.entry(name).or_default() += count;
        }
        self.first.extend(others.first);
        self.first.sort_by_key(|row| row.place);
        self.first.truncate(Self::SHOWN);
    }
}

/// The counts in one line: `empty text (3), missing label (1)`.
impl fmt::Display for BadRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, count)) in self.counts().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{name} ({count})")?;
        }
        Ok(())
    }
}
