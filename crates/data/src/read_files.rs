//! The files that were read as one set, and where in them a row stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::foreign::Foreign;
use crate::format::{Format, Numbering};
use crate::manner::Manner;

/// Where a row is in a set of files.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RowPlace {
    /// The file of the set, counted from 0.
    pub file: u32,
    /// The physical line of the file on which the row begins, or the number of the row where the file
    /// has no lines, counted from 1.
    pub line: u64,
}

impl RowPlace {
    /// A line of the first file.
    #[must_use]
    pub fn line(line: u64) -> Self {
        Self { file: 0, line }
    }
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadFile {
    pub(crate) path: PathBuf,
    /// How it is written.
    pub(crate) format: Format,
    /// What its rows are counted by.
    pub(crate) numbering: Numbering,
    /// How it is written, where its name does not say it.
    pub(crate) manner: Manner,
    /// What it seems to be, where it is not UTF-8 text.
    pub(crate) foreign: Option<Foreign>,
}

/// The files of a set, in the order in which they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadFiles(Arc<[ReadFile]>);

impl From<Vec<ReadFile>> for ReadFiles {
    fn from(files: Vec<ReadFile>) -> Self {
        Self(files.into())
    }
}

impl ReadFiles {
    /// The file in which a row stands.
    pub(crate) fn of(&self, place: RowPlace) -> Option<&ReadFile> {
        self.0.get(usize::try_from(place.file).ok()?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ReadFile> {
        self.0.iter()
    }

    pub(crate) fn first(&self) -> Option<&ReadFile> {
        self.0.first()
    }

    /// Where a row stands, in words: `line 4`, `b.parquet, row 4` where there are several files, and the
    /// file alone where that is the row.
    pub(crate) fn words(&self, place: RowPlace) -> String {
        match self.of(place) {
            None => format!("{} {}", Numbering::default(), place.line),
            Some(ReadFile { path, numbering: Numbering::Files, .. }) => path.display().to_string(),
            Some(ReadFile { numbering, .. }) if self.0.len() == 1 => {
                format!("{numbering} {}", place.line)
            }
            Some(ReadFile { path, numbering, .. }) => {
                format!("{}, {numbering} {}", path.display(), place.line)
            }
        }
    }

    /// The files that seem to be something else than UTF-8 text.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = (&Path, Foreign)> {
        self.0.iter().filter_map(|file| Some((file.path.as_path(), file.foreign?)))
    }
}
