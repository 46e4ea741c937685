//! Parts of messages about files and their columns.

use std::path::Path;

use crate::excerpt::{excerpt, listing};

/// The columns that a message lists with what they hold.
const SHOWN: usize = 12;

/// A column with what it holds in the first row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSample {
    /// What the column is called.
    pub name: String,
    /// What it holds, shortened.
    pub value: String,
}

/// Each column with what it holds, as the last lines of a message.
pub(crate) fn samples(samples: &[ColumnSample]) -> String {
    let line = |sample: &ColumnSample| {
        format!("\n  column {} begins with {}", excerpt(&sample.name), sample.value)
    };
    samples.iter().take(SHOWN).map(line).collect()
}

/// The column of the labels, behind that of the texts.
pub(crate) fn label_column(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!(", label `{label}`") }
}

/// What a set has.
pub(crate) fn pairs_or_singles(are_pairs: bool) -> &'static str {
    if are_pairs { "pairs of texts" } else { "single texts" }
}

/// Files that may be meant, if there are some.
pub(crate) fn neighbours(what: &str, files: &[String]) -> String {
    if files.is_empty() { String::new() } else { format!("\n  {what}: {}", listing(files)) }
}

/// What the extension of a path says, where it names no format.
pub(crate) fn extension_named(path: &Path) -> String {
    match path.extension() {
        Some(extension) => {
            format!("the format .{} is not supported", extension.to_string_lossy())
        }
        None => "the name has no extension, so its format is unknown".to_owned(),
    }
}
