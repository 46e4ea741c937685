//! What can be wrong with users' data, told so that it can be mended from the message alone.
//!
//! Each message says what, where and why on its first lines and ends with a `hint:` that names the
//! remedy. The facts are fields. The tests show every message as a
//! user sees it.

use std::io;
use std::path::{Path, PathBuf};

use crate::bad_row::{BadRowKind, BadRows};
use crate::columns::ColumnError;
use crate::disguise::Disguise;
use crate::excerpt::{excerpt, listing};
use crate::foreign::Foreign;
use crate::format::Format;
use crate::labels::LabelError;
use crate::remedies;
use crate::tokenizer::TokenizerError;

/// What is known beside rows that cannot be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clues {
    /// The labels that are known, where some were unknown.
    pub known: Vec<String>,
    /// What the file seems to be, where it is no UTF-8 text.
    pub foreign: Option<Foreign>,
}

/// A fault in the data or the tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The path leads nowhere.
    #[error(
        "{}: there is no such file{}\n  \
         hint: correct the path; a relative one begins where the program is started",
        .path.display(), neighbours("similar files there", .similar)
    )]
    MissingFile {
        /// The path as the user gave it.
        path: PathBuf,
        /// Files in the same folder that may be meant.
        similar: Vec<String>,
    },
    /// The folder of the path does not exist.
    #[error(
        "{}: there is no such file, for there is no folder {}\n  \
         hint: correct the path; a relative one begins where the program is started",
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
        "{}: this is a directory, not a file{}\n  hint: name one .tsv, .csv or .jsonl file",
        .path.display(), neighbours("data files in it", .files)
    )]
    Directory {
        /// The path as the user gave it.
        path: PathBuf,
        /// The data files in the directory.
        files: Vec<String>,
    },
    /// The extension names no format that is read.
    #[error(
        "{}: {} names no format that is read\n  hint: {}",
        .path.display(), extension_named(.path), remedies::of_extension(.path, *.is_labelled)
    )]
    UnknownExtension {
        /// The path as the user gave it.
        path: PathBuf,
        /// Whether labels are wanted too.
        is_labelled: bool,
    },
    /// Lines would be read as texts, and the first one shows that they are none.
    #[error(
        "{}: line {line} is {look}, and each line would be read as a text\n  line {line}: {}\n  \
         hint: {}; if the lines are the texts all the same, --input-format text",
        .path.display(), excerpt(.text), .look.remedy()
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
    /// The operating system refused to open the file.
    #[error("{}: cannot be opened: {source}\n  hint: check that you may read it", .path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Reading broke off.
    #[error(
        "{}: cannot be read at line {line}: {source}\n  hint: check that the \
         file is whole and that its disk is still there",
        .path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The line that was about to be read.
        line: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is nothing in the file.
    #[error(
        "{}: the file is empty\n  hint: was it written to the end?",
        .path.display()
    )]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// There is a header and nothing else.
    #[error(
        "{}: the file has a header (text `{}`{}) but no rows\n  \
         hint: was it written to the end?",
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
        "{}: its lines end in a lone carriage return (CR), as on old Macs, and some in a line feed\n  \
         hint: convert it: tr '\\r' '\\n' < old > new",
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
        "{}: the header in line {line} cannot be read: {kind}{}\n  hint: {}",
        .path.display(), remedies::told(.foreign.as_deref()),
        remedies::of_header(.path, .foreign.as_deref())
    )]
    BadHeader {
        /// The file.
        path: PathBuf,
        /// The line of the header.
        line: u64,
        /// What is wrong with it.
        kind: BadRowKind,
        /// What the file seems to be, where it is no UTF-8 text.
        foreign: Option<Box<Foreign>>,
    },
    /// The columns to read cannot be told.
    #[error("{}: {}", .path.display(), .fault.told(*.line, *.format))]
    Column {
        /// The file.
        path: PathBuf,
        /// The line that shows the columns.
        line: u64,
        /// How the file is written.
        format: Format,
        /// What is wrong with them.
        fault: ColumnError,
    },
    /// Some rows cannot be used, and the user has not said that they may be dropped.
    #[error(
        "{}: {} of {rows} rows cannot be used{}{}\n  hint: {}",
        .path.display(), .bad.total(), account(.bad, &.clues.known), remedies::told(.clues.foreign.as_ref()),
        remedies::of_rows(.path, .clues.foreign.as_ref(), .bad, *.rows)
    )]
    BadRows {
        /// The file.
        path: PathBuf,
        /// How many rows the file has.
        rows: u64,
        /// Those that cannot be used.
        bad: BadRows,
        /// What helps to mend it.
        clues: Box<Clues>,
    },
    /// Rows may be dropped, but then none is left.
    #[error(
        "{}: no row can be used ({} were read){}{}\n  hint: {}",
        .path.display(), .bad.total(), account(.bad, &.clues.known), remedies::told(.clues.foreign.as_ref()),
        remedies::of_rows(.path, .clues.foreign.as_ref(), .bad, .bad.total())
    )]
    AllRowsBad {
        /// The file.
        path: PathBuf,
        /// Its rows.
        bad: BadRows,
        /// What helps to mend it.
        clues: Box<Clues>,
    },
    /// There are texts to classify, and none of them can be read.
    #[error(
        "{}: no text can be read ({} rows were answered with an error){}{}\n  hint: {}",
        .path.display(), .bad.total(), account(.bad, &[]), remedies::told(.foreign.as_deref()),
        remedies::of_texts(.path, .foreign.as_deref())
    )]
    NoTexts {
        /// The file.
        path: PathBuf,
        /// Its rows.
        bad: BadRows,
        /// What the file seems to be, where it is no UTF-8 text.
        foreign: Option<Box<Foreign>>,
    },
    /// The labels of a corpus cannot be learned from.
    #[error("{}{}: {fault}", .path.display(), dropped(.skipped))]
    Labels {
        /// The file.
        path: PathBuf,
        /// The rows that were dropped before.
        skipped: BadRows,
        /// What is wrong with its labels.
        fault: LabelError,
    },
    /// A batch was asked for an example that is not there.
    #[error("example {example} was asked for, but there are only {examples} (counted from 0)")]
    NoSuchExample {
        /// The place that was asked for.
        example: usize,
        /// The number of examples.
        examples: usize,
    },
    /// The tokenizer cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

fn label_column(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!(", label `{label}`") }
}

fn neighbours(what: &str, files: &[String]) -> String {
    if files.is_empty() { String::new() } else { format!("\n  {what}: {}", listing(files)) }
}

fn dropped(skipped: &BadRows) -> String {
    if skipped.is_empty() { String::new() } else { format!(" (without {skipped})") }
}

fn extension_named(path: &Path) -> String {
    match path.extension() {
        Some(extension) => format!("the extension .{}", extension.to_string_lossy()),
        None => "a name without extension".to_owned(),
    }
}

/// The first bad rows, the count of each kind, and the labels that would have been known.
fn account(bad: &BadRows, known: &[String]) -> String {
    let mut lines: Vec<String> = bad.first().iter().map(|row| format!("\n  {row}")).collect();
    let shown = lines.len() as u64;
    if bad.total() > shown {
        lines.push(format!("\n  … and {} more", bad.total() - shown));
    }
    lines.push(format!("\n  in all: {bad}"));
    if !known.is_empty() {
        lines.push(format!("\n  known labels: {}", listing(known)));
    }
    lines.concat()
}
