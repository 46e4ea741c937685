//! The formats of data files.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// How a file writes its records. The extension tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// One text a line and nothing else.
    Plain,
    /// Cells with tabs between them under a header. As in GLUE, quotes are ordinary characters.
    Tsv,
    /// Cells with commas between them under a header. A quoted cell may hold commas and line ends.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// A JSON document: an array of objects, or an object of columns. One that holds an object a line is
    /// read as [`Self::Jsonl`].
    Json,
    /// A Parquet file.
    Parquet,
    /// Arrow IPC: a file (Feather) or a stream.
    Arrow,
    /// A label behind `__label__` and a text, as fastText has them, a line.
    FastText,
    /// A label with a finer one, `LABEL:sub`, and a text, as TREC's questions have them, a line.
    Trec,
}

impl Format {
    /// The data format that the extension of `path` names, if it names one; behind it may be that
    /// of gzip or zstd, where the format is one of text.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let text = match plain_extension(path).as_str() {
            "tsv" => Self::Tsv,
            "csv" => Self::Csv,
            "jsonl" | "ndjson" => Self::Jsonl,
            "json" => Self::Json,
            "parquet" | "pq" if !is_packed(path) => Self::Parquet,
            "arrow" | "feather" | "ipc" if !is_packed(path) => Self::Arrow,
            _ => return None,
        };
        Some(text)
    }

    /// What messages call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "texts, one a line",
            Self::Tsv | Self::Csv => "a table",
            Self::Jsonl => "JSON lines",
            Self::Json => "JSON",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow IPC",
            Self::FastText => "lines of fastText",
            Self::Trec => "lines of TREC's questions",
        }
    }

    /// How places in such a file are counted.
    pub(crate) fn numbering(self) -> Numbering {
        match self {
            Self::Plain | Self::Tsv | Self::Csv | Self::Jsonl | Self::FastText | Self::Trec => {
                Numbering::Lines
            }
            Self::Json | Self::Parquet | Self::Arrow => Numbering::Rows,
        }
    }

    /// Whether cells are separated by a character.
    pub(crate) fn is_separated(self) -> bool {
        matches!(self, Self::Tsv | Self::Csv)
    }
}

/// What places in a file are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbering {
    /// The lines that an editor shows.
    #[default]
    Lines,
    /// The rows, where there are no lines.
    Rows,
    /// The files, where each is a row.
    Files,
}

impl fmt::Display for Numbering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "line",
            Self::Rows => "row",
            Self::Files => "file",
        })
    }
}

/// Whether the extension is that of a compressed file whose text is read.
fn is_packed(path: &Path) -> bool {
    matches!(lowercase(path).as_str(), "gz" | "gzip" | "zst" | "zstd")
}

/// The extension in lower case, without that of a compression behind it.
pub(crate) fn plain_extension(path: &Path) -> String {
    match path.file_stem() {
        Some(stem) if is_packed(path) => lowercase(Path::new(stem)),
        _ => lowercase(path),
    }
}

fn lowercase(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_name_formats() {
        let check = |name: &str, format| assert_eq!(Format::of(Path::new(name)), format, "{name}");
        check("a.TSV", Some(Format::Tsv));
        check("a.csv.gz", Some(Format::Csv));
        check("a.jsonl.zst", Some(Format::Jsonl));
        check("a.ndjson", Some(Format::Jsonl));
        check("a.json.GZ", Some(Format::Json));
        check("part-0.snappy.parquet", Some(Format::Parquet));
        check("a.feather", Some(Format::Arrow));
        for name in ["a", "a.gz", "a.txt", "a.csv.bz2", "a.csv.gz.gz", "a.parquet.gz", ".csv"] {
            check(name, None);
        }
    }
}
