//! Why the columns to read cannot be told, in words.

use crate::column_role::{ColumnRole, PAIRS};
use crate::excerpt::{excerpt, listing};
use crate::format::{Format, Numbering};

/// Why the columns to read cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnError {
    /// The column that the user named does not exist.
    NotThere {
        /// What it is for.
        role: ColumnRole,
        /// Its name.
        wanted: String,
        /// The columns there are.
        present: Vec<String>,
    },
    /// No column has a conventional name.
    NotDetected {
        /// What it is for.
        role: ColumnRole,
        /// The name that the model's training had for it, if one is known.
        remembered: Option<String>,
        /// The columns there are.
        present: Vec<String>,
    },
    /// More than one column could be meant.
    Several {
        /// What it is for.
        role: ColumnRole,
        /// Those that could be meant.
        candidates: Vec<String>,
    },
    /// Text and label would be read from one column.
    Same {
        /// That column.
        column: String,
    },
    /// Both texts of a pair would be read from one column.
    SameTexts {
        /// That column.
        column: String,
    },
}

impl ColumnError {
    /// Whether a reader of the message wants to see what this column holds.
    pub(crate) fn is_about(&self, column: &str) -> bool {
        match self {
            Self::NotThere { .. } | Self::NotDetected { .. } => true,
            Self::Several { candidates, .. } => candidates.iter().any(|name| name == column),
            Self::Same { .. } | Self::SameTexts { .. } => false,
        }
    }

    /// The fault in words, for a file of `format` whose columns show in `line`.
    pub(crate) fn message(&self, line: u64, format: Format) -> String {
        match self {
            Self::NotThere { role, wanted, present } => format!(
                "the {role} column {} does not exist\n  {}",
                excerpt(wanted),
                shown(present, line, format),
            ),
            Self::NotDetected { role, present, .. } if is_numbered(present) => format!(
                "the file has no header, so the column of the {role} must be given by its number\n  {}",
                shown(present, line, format),
            ),
            Self::NotDetected { role, remembered, present } => format!(
                "cannot tell which column holds the {role}{}\n  {}\n  recognised names: {}{}",
                remembered.as_ref().map_or_else(String::new, |name| {
                    format!("; the model was trained with {}, which is missing here", excerpt(name))
                }),
                shown(present, line, format),
                role.conventional_names().join(", "),
                match role {
                    ColumnRole::Text => pair_names(),
                    ColumnRole::Label => String::new(),
                }
            ),
            Self::Several { role, candidates } => format!(
                "several columns{} could hold the {role}: {}",
                in_line(line, format),
                listing(candidates),
            ),
            Self::Same { column } => format!(
                "the column {}{} is named for both the text and the label",
                excerpt(column),
                in_line(line, format)
            ),
            Self::SameTexts { column } => format!(
                "the column {}{} is named for both texts of a pair",
                excerpt(column),
                in_line(line, format)
            ),
        }
    }
}

/// The names by which pairs are recognised, to follow those of single texts.
fn pair_names() -> String {
    PAIRS.map(|[first, second]| format!(", {first} with {second}")).concat()
}

/// The columns of the file, and a note where they do not seem to be split right.
fn shown(present: &[String], line: u64, format: Format) -> String {
    let separator = match (format, present) {
        (Format::Tsv, names) if names.iter().any(|name| is_in_quotes(name)) => {
            " (quotes are ordinary characters in a .tsv; remove them, or save it as .csv)"
        }
        (Format::Tsv, [_]) => " (one column; check that tabs separate the cells)",
        (Format::Csv, [_]) => " (one column; check that commas separate the cells)",
        _ => "",
    };
    match format {
        _ if is_numbered(present) => {
            format!("columns are counted from 1; line {line} has: {}{separator}", listing(present))
        }
        Format::FastText | Format::Trec => format!("its columns are: {}", listing(present)),
        _ if format.numbering() == Numbering::Lines => {
            format!("line {line} has: {}{separator}", listing(present))
        }
        _ => format!("its columns are: {}", listing(present)),
    }
}

/// Whether columns are called by their numbers, as where there is no header.
pub(crate) fn is_numbered(present: &[String]) -> bool {
    !present.is_empty() && present.iter().zip(1..).all(|(name, number)| *name == number.to_string())
}

/// Where the columns show, if they show in a line.
fn in_line(line: u64, format: Format) -> String {
    match format.numbering() {
        Numbering::Lines => format!(" in line {line}"),
        Numbering::Rows | Numbering::Files => String::new(),
    }
}

fn is_in_quotes(name: &str) -> bool {
    name.len() > 1 && name.starts_with('"') && name.ends_with('"')
}
