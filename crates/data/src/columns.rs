//! Which columns of a file are the text and the label.
//!
//! Conventional names are recognised so that most files need no setting. A guess between two is never
//! made: a run on the wrong column looks healthy and learns nothing.

use std::fmt;

use crate::excerpt::{excerpt, listing};
use crate::format::{Format, Numbering};

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// The text to classify.
    Text,
    /// The class of the text.
    Label,
}

impl ColumnRole {
    /// The names by which the column is recognised, in any case of letters.
    #[must_use]
    pub fn conventional_names(self) -> &'static [&'static str] {
        match self {
            Self::Text => &[
                "text",
                "sentence",
                "review",
                "content",
                "comment",
                "message",
                "tweet",
                "document",
                "body",
                "utterance",
                "question",
                "query",
            ],
            Self::Label => &[
                "label",
                "labels",
                "class index",
                "category",
                "class",
                "sentiment",
                "target",
                "intent",
                "topic",
                "rating",
                "stars",
            ],
        }
    }
}

impl fmt::Display for ColumnRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Label => "label",
        })
    }
}

/// The columns that are read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The column of the text.
    pub text: String,
    /// The column of the label; nothing where only texts are wanted.
    pub label: Option<String>,
}

/// Which columns are wanted, as far as the user has said.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) text: ColumnChoice,
    /// Nothing where only texts are wanted.
    pub(crate) label: Option<ColumnChoice>,
}

/// How one column is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColumnChoice {
    /// By the conventional names.
    #[default]
    Detect,
    /// By the name the user gave; where there is none of these letters, by the one of the same letters
    /// in another case.
    Named(String),
    /// By the name that the model's training had for it; where there is none, by the conventional
    /// names.
    Remembered(String),
}

impl From<Option<String>> for ColumnChoice {
    fn from(name: Option<String>) -> Self {
        name.map_or(Self::Detect, Self::Named)
    }
}

impl ColumnChoice {
    /// The column among those that are `present`, if it is there.
    pub(crate) fn among(
        &self,
        role: ColumnRole,
        present: &[String],
    ) -> Result<Option<String>, ColumnError> {
        let given = match self {
            Self::Named(name) | Self::Remembered(name) => Some(name),
            Self::Detect => None,
        };
        let is_given = |column: &String| Some(column) == given;
        let lower = given.map(|name| name.to_lowercase());
        let is_alike = |column: &String| Some(column.to_lowercase()) == lower;
        let (has_given, has_alike) = (present.iter().any(is_given), present.iter().any(is_alike));
        let fits = |column: &&String| match self {
            _ if has_given => is_given(column),
            _ if has_alike => is_alike(column),
            Self::Named(_) => false,
            Self::Remembered(_) | Self::Detect => {
                role.conventional_names().iter().any(|name| column.eq_ignore_ascii_case(name))
            }
        };
        let found: Vec<&String> = present.iter().filter(fits).collect();
        match found.as_slice() {
            [] => Ok(None),
            [column] => Ok(Some((*column).clone())),
            several => Err(ColumnError::Several {
                role,
                candidates: several.iter().map(|column| (*column).clone()).collect(),
            }),
        }
    }

    /// The fault that the column is none of those that are `present`.
    pub(crate) fn missing(&self, role: ColumnRole, present: &[String]) -> ColumnError {
        let present = present.to_vec();
        match self {
            Self::Named(wanted) => ColumnError::NotThere { role, wanted: wanted.clone(), present },
            Self::Remembered(name) => {
                ColumnError::NotDetected { role, remembered: Some(name.clone()), present }
            }
            Self::Detect => ColumnError::NotDetected { role, remembered: None, present },
        }
    }

    /// What a message calls the column while it is not known.
    pub(crate) fn name(&self, role: ColumnRole) -> String {
        match self {
            Self::Named(name) | Self::Remembered(name) => name.clone(),
            Self::Detect => role.to_string(),
        }
    }
}

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
}

impl ColumnError {
    /// Whether a reader of the message wants to see what this column holds.
    pub(crate) fn is_about(&self, column: &str) -> bool {
        match self {
            Self::NotThere { .. } | Self::NotDetected { .. } => true,
            Self::Several { candidates, .. } => candidates.iter().any(|name| name == column),
            Self::Same { .. } => false,
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
                "cannot tell which column holds the {role}{}\n  {}\n  recognised names: {}",
                remembered.as_ref().map_or_else(String::new, |name| {
                    format!("; the model was trained with {}, which is missing here", excerpt(name))
                }),
                shown(present, line, format),
                role.conventional_names().join(", "),
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
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const AG_NEWS: [&str; 3] = ["Class Index", "Title", "Description"];

    fn check(wanted: (Option<&str>, Option<&str>), present: &[&str], chosen: Option<(&str, &str)>) {
        let present: Vec<String> = present.iter().map(|&name| name.to_owned()).collect();
        let find = |wanted: Option<&str>, role| {
            let choice = ColumnChoice::from(wanted.map(str::to_owned));
            choice.among(role, &present).ok().flatten()
        };
        let columns = find(wanted.0, ColumnRole::Text).zip(find(wanted.1, ColumnRole::Label));
        let chosen = chosen.map(|(text, label)| (text.to_owned(), label.to_owned()));
        assert_eq!(columns, chosen, "{present:?}");
    }

    #[test]
    fn conventional_names_are_recognised_and_never_guessed_between() {
        check((None, None), &["sentence", "label"], Some(("sentence", "label")));
        check((None, None), &["id", "Category", "Text"], Some(("Text", "Category")));
        check((None, None), &["text", "label", "label_text"], Some(("text", "label")));
        check((None, None), &["text", "sentence", "label"], None);
        check((None, None), &["sentence1", "sentence2", "label"], None);
        check(
            (Some("sentence"), None),
            &["text", "sentence", "label"],
            Some(("sentence", "label")),
        );
        check((Some("a"), Some("b")), &["a", "b"], Some(("a", "b")));
        check((Some("A"), Some("B")), &["a", "b"], Some(("a", "b")));
        check((Some("TEXT"), None), &["text", "Text", "label"], None);
        check((Some("Text"), None), &["text", "Text", "label"], Some(("Text", "label")));
        check((Some("RÉSUMÉ"), None), &["résumé", "label"], Some(("résumé", "label")));
        check((Some("description"), None), &AG_NEWS, Some(("Description", "Class Index")));
        check((None, None), &AG_NEWS, None);
        check((None, None), &["text", "text", "label"], None);
    }

    #[test]
    fn a_column_of_the_training_comes_before_conventional_names() {
        let check = |present: &[&str], expected: Option<&str>| {
            let present: Vec<String> = present.iter().map(|&name| name.to_owned()).collect();
            let choice = ColumnChoice::Remembered("title".to_owned());
            let found = choice.among(ColumnRole::Text, &present).ok().flatten();
            assert_eq!(found.as_deref(), expected, "{present:?}");
        };
        check(&["text", "title", "sentence"], Some("title"));
        check(&["sentence", "label"], Some("sentence"));
        check(&["text", "sentence"], None);
        check(&["title", "title"], None);
        check(&["a"], None);
    }
}
