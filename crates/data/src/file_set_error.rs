//! What can be wrong with the files of a set before a row is read.

use std::path::PathBuf;

use crate::column_role::ColumnRole;
use crate::excerpt::{excerpt, listing};
use crate::phrases::neighbours;

/// Files that do not make one set, or are not written as the user says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileSetError {
    /// One file would be read twice.
    #[error("{}: the file is named twice in one set\n  hint: name it once", .path.display())]
    NamedTwice {
        /// The file.
        path: PathBuf,
    },
    /// A pattern that matches no files.
    #[error(
        "{}: {reason}\n  hint: `*` matches any part of a name, `**` any folders, as in \
         data/*.parquet; quote a pattern, so that the shell leaves it as it is",
        .pattern.display()
    )]
    Pattern {
        /// The pattern.
        pattern: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file has not got a column that the first file of its set has.
    #[error(
        "{}: there is not a column `{column}`, in which {} has the {role}; it has: {}\n  \
         hint: the files of one set need the same columns, so rename the column in one of them",
        .path.display(), .first.display(), listing(.present)
    )]
    OtherColumns {
        /// The file.
        path: PathBuf,
        /// The first file of the set.
        first: PathBuf,
        /// What the column is for.
        role: ColumnRole,
        /// What it is called.
        column: String,
        /// The columns there are.
        present: Vec<String>,
    },
    /// A file that has no header and no delimiter in any case.
    #[error("{}: it is read as {format}, which has {part}", .path.display())]
    NotATable {
        /// The file.
        path: PathBuf,
        /// What it is.
        format: &'static str,
        /// What does not fit that.
        part: TablePart,
    },
    /// A data set of `datasets` that is not whole.
    #[error("{}: {reason}\n  hint: save the data set again with save_to_disk", .path.display())]
    SavedDataset {
        /// Its `state.json`.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Several saved data sets in one directory.
    #[error(
        "{}: this directory holds several data sets{}\n  hint: give one of them",
        .path.display(), neighbours("data sets in it", .splits)
    )]
    Splits {
        /// The directory.
        path: PathBuf,
        /// The data sets.
        splits: Vec<String>,
    },
    /// Folders in the folder of a class.
    #[error(
        "{}: this folder holds the folder {}, but the texts of a class are files directly in its \
         folder\n  hint: give the folder whose folders are the classes",
        .path.display(), excerpt(.folder)
    )]
    FolderInClass {
        /// The folder of the class.
        path: PathBuf,
        /// What is in it.
        folder: String,
    },
}

/// What a user says of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TablePart {
    /// That they have no header.
    Header,
    /// What separates their cells.
    Delimiter,
}

impl std::fmt::Display for TablePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "names for its columns and not a header to leave out",
            Self::Delimiter => "not a character between its cells",
        })
    }
}
