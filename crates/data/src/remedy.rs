//! What a user can do about a fault or a doubt, as a value.
//!
//! Some remedies are settings of a program, and only the program knows what its flags are called.
//! So the messages of this crate end before the remedy, and the command line spells it.

use std::fmt;
use std::path::Path;

use crate::bad_row::{BadRowKind, BadRows};
use crate::column_error::{ColumnError, is_numbered};
use crate::column_role::ColumnRole;
use crate::conversion;
use crate::disguise::Disguise;
use crate::doubts::Doubt;
use crate::error::DataError;
use crate::file_doubts::FileDoubt;
use crate::foreign::Foreign;
use crate::format::Format;
use crate::labels::LabelError;
use crate::tokenizer::TokenizerError;

/// What a user can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataRemedy {
    /// This, which needs no setting.
    Do(String),
    /// Name the encoding of the files, which seems to be this one.
    NameEncoding(&'static str),
    /// Fix the file: skipping the bad rows would drop too many.
    FixFile(Dropped),
    /// Fix the bad rows, or skip them.
    FixOrSkipRows(Dropped),
    /// Convert a part of the file, or skip the bad rows.
    ConvertOrSkipRows {
        /// How to convert it.
        conversion: String,
        /// What skipping would drop.
        dropped: Dropped,
    },
    /// Say which classes there are where the usual mark of a row without a label is one of them; else
    /// the other remedy.
    MapMarkOr(Box<DataRemedy>),
    /// Use files with labels.
    UseLabelled,
    /// Name the column of the labels, or give each label its class.
    NameOrMapLabels,
    /// Fix the file, or name its columns.
    FixOrNameColumns,
    /// Name one of the columns.
    NameColumn {
        /// What the column is for.
        role: ColumnRole,
        /// The line that was read as a header, in formats that have one.
        header: Option<u64>,
    },
    /// Give the columns of texts and labels by their numbers, from 1.
    NumberColumns,
    /// Name one of several columns that could be meant.
    NameOneColumn(ColumnRole),
    /// Allow texts more tokens.
    RaiseLimit,
    /// Name the columns of the texts: one, or the two of a pair.
    NameTexts,
    /// Name two different columns.
    NameTwoColumns,
    /// Check that this is the training file, and that the labels are in this column.
    CheckFileAndLabelColumn,
    /// Name the column of the labels.
    NameLabelColumn,
    /// Say that the file is written in this format, or that its lines are the texts.
    ReadAs(Format),
    /// Fix the texts, or say in which format they are written.
    FixTextsOrSayFormat,
    /// Convert the file, or say in which format it is written.
    ConvertOrSayFormat(String),
    /// Merge labels into one class.
    MergeLabels,
    /// Group numbers into classes.
    GroupScores,
    /// Check that the labels are in this column.
    CheckLabelColumn,
}

/// The part of a file's rows that skipping the bad ones would drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    bad: u64,
    rows: u64,
}

impl Dropped {
    fn of(bad: &BadRows, rows: u64) -> Self {
        Self { bad: bad.total(), rows: rows.max(1) }
    }

    fn percent(self) -> f64 {
        100.0 * self.bad as f64 / self.rows as f64
    }

    /// Whether it is so much that skipping would hide the fault.
    fn is_most(self) -> bool {
        self.percent() >= 50.0
    }
}

/// `25 %`, with one digit more below 10 %.
impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.percent();
        write!(f, "{percent:.*} %", usize::from(percent < 10.0))
    }
}

impl DataError {
    /// What a user can do, where the message does not say it.
    #[must_use]
    pub fn remedy(&self) -> Option<DataRemedy> {
        match self {
            Self::UnknownExtension { path, is_labelled } => {
                let conversion = conversion::of_extension(path, *is_labelled);
                Some(match is_labelled {
                    true => DataRemedy::Do(conversion),
                    false => DataRemedy::ConvertOrSayFormat(conversion),
                })
            }
            Self::NotTexts { look, .. } => Some(of_look(*look)),
            Self::Column { line, format, fault, .. } => Some(of_columns(fault, *line, *format)),
            Self::BadRows { rows, bad, clues, .. } => {
                Some(of_rows(&clues.file, clues.foreign.as_ref(), bad, *rows))
            }
            Self::AllRowsBad { bad, clues, .. } => {
                Some(of_rows(&clues.file, clues.foreign.as_ref(), bad, bad.total()))
            }
            Self::NoTexts { path, foreign, .. } => Some(match foreign {
                Some(foreign) => of_foreign(path, **foreign),
                None => DataRemedy::FixTextsOrSayFormat,
            }),
            Self::BadHeader { path, foreign, .. } => Some(match foreign {
                Some(foreign) => of_foreign(path, **foreign),
                None => DataRemedy::Do(
                    "save the file as UTF-8 text whose first line names the columns".to_owned(),
                ),
            }),
            Self::Labels { fault, .. } => fault.remedy(),
            Self::Tokenizer(TokenizerError::NoRoom { .. }) => Some(DataRemedy::RaiseLimit),
            Self::PairsAndSingles { .. } => Some(DataRemedy::NameTexts),
            _ => None,
        }
    }
}

impl LabelError {
    /// What a user can do, where the message does not say it.
    #[must_use]
    pub fn remedy(&self) -> Option<DataRemedy> {
        match self {
            Self::SingleClass { .. } => Some(DataRemedy::CheckFileAndLabelColumn),
            Self::NoLabelTwice { .. } => Some(DataRemedy::NameLabelColumn),
            Self::NoneLabelled { .. } => Some(DataRemedy::UseLabelled),
            _ => None,
        }
    }
}

impl Doubt {
    /// What a user can do, where the message does not say it.
    #[must_use]
    pub fn remedy(&self) -> Option<DataRemedy> {
        match self {
            Self::Alike { .. } => Some(DataRemedy::MergeLabels),
            Self::Scores { .. } => Some(DataRemedy::GroupScores),
            Self::Sparse { .. } => Some(DataRemedy::CheckLabelColumn),
            Self::OfFile(doubt) => doubt.remedy(),
            _ => None,
        }
    }
}

impl FileDoubt {
    /// What a user can do, where the message does not say it.
    #[must_use]
    pub fn remedy(&self) -> Option<DataRemedy> {
        match self {
            Self::Foreign { foreign, path, .. } => Some(of_foreign(path, *foreign)),
            _ => None,
        }
    }
}

/// How a file that is not UTF-8 text can be read.
fn of_foreign(path: &Path, foreign: Foreign) -> DataRemedy {
    match foreign {
        Foreign::Encoded(name) => DataRemedy::NameEncoding(name),
        other => DataRemedy::Do(other.conversion(path)),
    }
}

fn of_look(look: Disguise) -> DataRemedy {
    DataRemedy::ReadAs(match look {
        Disguise::Object => Format::Jsonl,
        Disguise::Document => Format::Json,
        Disguise::Header(format) => format,
    })
}

fn of_columns(fault: &ColumnError, line: u64, format: Format) -> DataRemedy {
    match fault {
        ColumnError::NotThere { role, present, .. }
        | ColumnError::NotDetected { role, present, .. } => {
            let (role, is_table) = (*role, format.is_separated());
            match is_table && is_numbered(present) {
                true => DataRemedy::NumberColumns,
                false => DataRemedy::NameColumn { role, header: is_table.then_some(line) },
            }
        }
        ColumnError::Several { role, .. } => DataRemedy::NameOneColumn(*role),
        ColumnError::Same { .. } => DataRemedy::NameTwoColumns,
        ColumnError::SameTexts { .. } => DataRemedy::Do("name two different columns".to_owned()),
    }
}

/// What to do about rows of a labelled file that cannot be used.
const CLOSE_QUOTE: &str = "close the quote, and write a quote inside of a quoted field twice; all that follows an open quote \
     is in one field";
const WRITE_OBJECTS: &str = "write one JSON object on each line";

fn of_rows(path: &Path, foreign: Option<&Foreign>, bad: &BadRows, rows: u64) -> DataRemedy {
    let count = |kind: &str| bad.counts().find(|(name, _)| *name == kind).map_or(0, |(_, n)| n);
    let dropped = Dropped::of(bad, rows);
    let remedy = match foreign {
        Some(mixed @ Foreign::Mixed(_)) if !dropped.is_most() => {
            return DataRemedy::ConvertOrSkipRows { conversion: mixed.conversion(path), dropped };
        }
        Some(foreign) => return of_foreign(path, *foreign),
        None if count(BadRowKind::NO_LABEL) + count(BadRowKind::UNLABELLED) == rows => {
            DataRemedy::UseLabelled
        }
        None if count(BadRowKind::UNCLOSED_QUOTE) > 0 => DataRemedy::Do(CLOSE_QUOTE.to_owned()),
        None if count(BadRowKind::INVALID_JSON) == rows => DataRemedy::Do(WRITE_OBJECTS.to_owned()),
        None if count(BadRowKind::UNKNOWN_LABEL) == rows => DataRemedy::NameOrMapLabels,
        None if bad.total() >= rows => DataRemedy::FixOrNameColumns,
        None if dropped.is_most() => DataRemedy::FixFile(dropped),
        None => DataRemedy::FixOrSkipRows(dropped),
    };
    match count(BadRowKind::NO_LABEL) {
        0 => remedy,
        _ => DataRemedy::MapMarkOr(Box::new(remedy)),
    }
}
