//! What helps to fix a file.

use std::path::PathBuf;

use crate::foreign::Foreign;

/// What is known about a file whose rows cannot be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clues {
    /// The labels that are known, where some were unknown.
    pub known: Vec<String>,
    /// What the file seems to be, if not UTF-8 text.
    pub foreign: Option<Foreign>,
    /// The file of which that is known.
    pub file: PathBuf,
}
