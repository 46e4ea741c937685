//! What can be wrong with users' data.
//!
//! Messages end with a `hint:`, unless the remedy is a setting: see [`DataError::remedy`].

use std::io;
use std::path::PathBuf;

use lockstep_columnar::ColumnarError;
use lockstep_world::counted;

use crate::account::{account, dropped};
use crate::bad_row::{BadRowKind, BadRows};
use crate::changed::ChangedFile;
use crate::clues::Clues;
use crate::column_error::ColumnError;
use crate::conversion;
use crate::disguise::Disguise;
use crate::excerpt::excerpt;
use crate::file_set_error::FileSetError;
use crate::foreign::Foreign;
use crate::format::{Format, Numbering};
use crate::labels::LabelError;
use crate::phrases::{
    self, ColumnSample, extension_named, label_column, neighbours, pairs_or_singles,
};
use crate::tokenizer::TokenizerError;

/// A fault in the data or the tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file does not exist.
    #[error(
        "{}: the file does not exist{}\n  \
         hint: correct the path; a relative path starts at the working directory",
        .path.display(), neighbours("similar files", .similar)
    )]
    MissingFile {
        /// The path as the user gave it.
        path: PathBuf,
        /// Files in the same folder that may be meant.
        similar: Vec<String>,
    },
    /// The folder of the path does not exist.
    #[error(
        "{}: the file does not exist, because there is no folder {}\n  \
         hint: correct the path; a relative path starts at the working directory",
        .path.display(), .folder.display()
    )]
    MissingFolder {
        /// The path as the user gave it.
        path: PathBuf,
        /// The folder in which the file should lie.
        folder: PathBuf,
    },
    /// The path leads to a directory.
    #[error(
        "{}: this is a directory, not a file{}\n  hint: give one data file",
        .path.display(), neighbours("data files in it", .files)
    )]
    Directory {
        /// The path as the user gave it.
        path: PathBuf,
        /// The data files in the directory.
        files: Vec<String>,
    },
    /// The extension names no format that is read.
    #[error("{}: {}", .path.display(), extension_named(.path))]
    UnknownExtension {
        /// The path as the user gave it.
        path: PathBuf,
        /// Whether labels are wanted too.
        is_labelled: bool,
    },
    /// Lines would be read as texts, but the first one looks like something else.
    #[error(
        "{}: line {line} looks like {look}, but each line would be read as a text\n  line {line}: {}",
        .path.display(), excerpt(.text)
    )]
    NotTexts {
        /// The file.
        path: PathBuf,
        /// The line that shows it.
        line: u64,
        /// What it holds.
        text: String,
        /// What that looks like.
        look: Disguise,
    },
    /// Files that do not make one set, or are not written as the user says.
    #[error(transparent)]
    Files(#[from] FileSetError),
    /// The operating system refused to open the file.
    #[error("{}: cannot be opened: {source}\n  hint: check its permissions", .path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path leads to something that is not a file.
    #[error("{}: {source}\n  hint: write the rows to a file, and name that", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        source: io::Error,
    },
    /// Reading broke off.
    #[error(
        "{}: cannot be read at {numbering} {line}: {source}\n  hint: check that the \
         file is complete and that its disk is available",
        .path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What `line` counts.
        numbering: Numbering,
        /// The line or row that was about to be read.
        line: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// A Parquet or Arrow file that cannot be read.
    #[error("{}: cannot be read as {}: {source}\n  hint: {}", .path.display(),
        conversion::columnar(*.format), conversion::of_table(.source))]
    Table {
        /// The file.
        path: PathBuf,
        /// What it should be.
        format: Format,
        /// What is wrong with it.
        source: Box<ColumnarError>,
    },
    /// There is nothing in the file.
    #[error(
        "{}: the file is empty\n  hint: check that it was written completely",
        .path.display()
    )]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// There is a header and nothing else.
    #[error(
        "{}: the file has a header (text `{}`{}) but no rows\n  \
         hint: check that it was written completely",
        .path.display(), .text, label_column(.label)
    )]
    NoRows {
        /// The file.
        path: PathBuf,
        /// The column of the text.
        text: String,
        /// The column of the label, empty where only texts are wanted.
        label: String,
    },
    /// Rows that end in a way that is not read.
    #[error(
        "{}: some lines end in a lone carriage return (CR), as on old Macs, and some in a line feed\n  \
         hint: convert it: tr '\\r' '\\n' < OLD > NEW",
        .path.display()
    )]
    LoneReturns {
        /// The file.
        path: PathBuf,
    },
    /// A label map that cannot be used.
    #[error(
        "{}: {reason}\n  hint: a label map is a JSON object that gives each label of the data the \
         name of its class: {{\"0\": \"negative\", \"1\": \"positive\"}}",
        .path.display()
    )]
    LabelMap {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The header itself cannot be read.
    #[error(
        "{}: the header in line {line} cannot be read: {kind}{}",
        .path.display(), conversion::described(.foreign.as_deref())
    )]
    BadHeader {
        /// The file.
        path: PathBuf,
        /// The line of the header.
        line: u64,
        /// What is wrong with it.
        kind: BadRowKind,
        /// What the file seems to be, if not UTF-8 text.
        foreign: Option<Box<Foreign>>,
    },
    /// It cannot be decided which columns to read.
    #[error(
        "{}: {}{}",
        .path.display(), .fault.message(*.line, *.format), phrases::samples(.samples)
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// The line that shows the columns.
        line: u64,
        /// How the file is written.
        format: Format,
        /// What is wrong with them.
        fault: ColumnError,
        /// What the columns in question hold.
        samples: Vec<ColumnSample>,
    },
    /// Some rows cannot be used, and the user has not said that they may be dropped.
    #[error(
        "{}: {} of {} cannot be used{}{}",
        .path.display(), .bad.total(), counted(*.rows, "row"), conversion::described(.clues.foreign.as_ref()),
        account(.bad, &.clues.known)
    )]
    BadRows {
        /// The file.
        path: PathBuf,
        /// How many rows the file has.
        rows: u64,
        /// Those that cannot be used.
        bad: BadRows,
        /// What helps to fix it.
        clues: Box<Clues>,
    },
    /// Rows may be dropped, but then none is left.
    #[error(
        "{}: no row can be used ({} read){}{}",
        .path.display(), counted(.bad.total(), "row"), conversion::described(.clues.foreign.as_ref()),
        account(.bad, &.clues.known)
    )]
    AllRowsBad {
        /// The file.
        path: PathBuf,
        /// Its rows.
        bad: BadRows,
        /// What helps to fix it.
        clues: Box<Clues>,
    },
    /// There are texts to classify, and none of them can be read.
    #[error(
        "{}: no text can be read ({} answered with an error){}{}",
        .path.display(), counted(.bad.total(), "row"), conversion::described(.foreign.as_deref()),
        account(.bad, &[])
    )]
    NoTexts {
        /// The file.
        path: PathBuf,
        /// Its rows.
        bad: BadRows,
        /// What the file seems to be, if not UTF-8 text.
        foreign: Option<Box<Foreign>>,
    },
    /// The labels of a corpus cannot be learned from.
    #[error("{}: {fault}{}", .path.display(), dropped(.skipped))]
    Labels {
        /// The file.
        path: PathBuf,
        /// The rows that were dropped before.
        skipped: BadRows,
        /// What is wrong with its labels.
        fault: Box<LabelError>,
    },
    /// A model learns pairs of texts and is evaluated on single ones, or the other way round.
    #[error("{name}: it has {}, but the training data have {}",
        pairs_or_singles(*.is_of_pairs), pairs_or_singles(!*.is_of_pairs))]
    PairsAndSingles {
        /// What is evaluated on.
        name: String,
        /// Whether that has the pairs.
        is_of_pairs: bool,
    },
    /// The share to evaluate on is too small for one example.
    #[error(
        "a share of {share} of {examples} training examples is less than one text; hold out more"
    )]
    NothingHeldOut {
        /// The share.
        share: f64,
        /// All examples.
        examples: usize,
    },
    /// A batch was asked for an example that is not there.
    #[error("example {example} does not exist: there are {examples}, counted from 0")]
    NoSuchExample {
        /// The place that was asked for.
        example: usize,
        /// The number of examples.
        examples: usize,
    },
    /// A file changed between two times at which it was read.
    #[error(transparent)]
    Changed(#[from] ChangedFile),
    /// The tokenizer cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}
