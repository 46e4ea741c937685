//! The formats of data files.

use std::path::Path;

/// How a file writes its records. The extension tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One text a line and nothing else.
    Plain,
    /// Cells with tabs between them under a header. As in GLUE, quotes are ordinary characters.
    Tsv,
    /// Cells with commas between them under a header. A quoted cell may hold commas and line ends.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// The data format that the extension of `path` names, if it names one.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "tsv" => Some(Self::Tsv),
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::Jsonl),
            _ => None,
        }
    }
}
