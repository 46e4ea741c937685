//! Which columns of a file are the text and the label.
//!
//! A text is one column, or the two of a pair. Conventional names are recognised so that most files need
//! no setting. A guess between two is never made: a run on the wrong column looks healthy and learns
//! nothing.

use serde::Serialize;

use crate::column_error::ColumnError;
use crate::column_role::{ColumnRole, PAIRS};

/// The columns that are read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The column of the text, or of the first one of a pair.
    pub text: String,
    /// The column of the second text of a pair.
    pub second: Option<String>,
    /// The column of the label; nothing where only texts are wanted.
    pub label: Option<String>,
}

impl Columns {
    /// The names of the text's columns, for messages.
    #[must_use]
    pub fn texts(&self) -> String {
        match &self.second {
            None => format!("text column `{}`", self.text),
            Some(second) => format!("text columns `{}` and `{second}`", self.text),
        }
    }
}

/// Which columns are wanted, as far as the user has said.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) text: ColumnChoice,
    /// Nothing where only texts are wanted.
    pub(crate) label: Option<ColumnChoice>,
}

/// How one column is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum ColumnChoice {
    /// By the conventional names.
    #[default]
    Detect,
    /// By the name the user gave, where there is none of these letters by the one of the same letters in
    /// another case; of a pair of texts both, with a comma between them.
    Named(String),
    /// By the name that the model's training had for it; where there is none, by the conventional
    /// names.
    Remembered(String),
    /// The same of a pair of texts.
    RememberedPair([String; 2]),
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
            Self::Detect | Self::RememberedPair(_) => None,
        };
        let is_given = |column: &String| Some(column) == given;
        let lower = given.map(|name| name.to_lowercase());
        let is_alike = |column: &String| Some(column.to_lowercase()) == lower;
        let (has_given, has_alike) = (present.iter().any(is_given), present.iter().any(is_alike));
        let fits = |column: &&String| match self {
            _ if has_given => is_given(column),
            _ if has_alike => is_alike(column),
            Self::Named(_) => false,
            Self::Remembered(_) | Self::RememberedPair(_) | Self::Detect => {
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

    /// The columns of the text among those that are `present`, if they are there: one, or the two of a
    /// pair.
    pub(crate) fn texts_among(&self, present: &[String]) -> Result<Option<Texts>, ColumnError> {
        let role = ColumnRole::Text;
        match self {
            Self::Named(name) => match self.among(role, present)? {
                None => pair_named(name, present),
                one => Ok(one.map(Texts::One)),
            },
            Self::Remembered(_) => Ok(self.among(role, present)?.map(Texts::One)),
            Self::RememberedPair(names) if names.iter().all(|name| present.contains(name)) => {
                Ok(Some(Texts::Pair(names.clone())))
            }
            Self::RememberedPair(_) => conventional_pair(present),
            Self::Detect => match (self.among(role, present)?, conventional_pair(present)?) {
                (Some(one), Some(Texts::Pair([first, second]))) => {
                    Err(ColumnError::Several { role, candidates: vec![one, first, second] })
                }
                (one, pair) => Ok(one.map(Texts::One).or(pair)),
            },
        }
    }

    /// Whether a line of nothing but texts is a pair.
    #[must_use]
    pub fn is_pair_in_lines(&self) -> bool {
        match self {
            Self::Named(name) => name.contains(','),
            Self::RememberedPair(_) => true,
            Self::Remembered(_) | Self::Detect => false,
        }
    }

    /// The fault that the column is none of those that are `present`.
    pub(crate) fn missing(&self, role: ColumnRole, present: &[String]) -> ColumnError {
        let is_missing = |name: &&str| !present.iter().any(|column| column == name);
        let wanted = match self {
            Self::Named(names) if role == ColumnRole::Text => {
                names.split(',').map(str::trim).find(is_missing).unwrap_or(names).to_owned()
            }
            Self::Named(name) => name.clone(),
            _ => String::new(),
        };
        let present = present.to_vec();
        let remembered = match self {
            Self::Named(_) => return ColumnError::NotThere { role, wanted, present },
            Self::Remembered(name) => Some(name.clone()),
            Self::RememberedPair(names) => Some(names.join(",")),
            Self::Detect => None,
        };
        ColumnError::NotDetected { role, remembered, present }
    }

    /// What a message calls the column while it is not known.
    pub(crate) fn name(&self, role: ColumnRole) -> String {
        match self {
            Self::Named(name) | Self::Remembered(name) => name.clone(),
            Self::RememberedPair(names) => names.join(","),
            Self::Detect => role.to_string(),
        }
    }
}

/// The columns of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Texts {
    /// A single text.
    One(String),
    /// A pair.
    Pair([String; 2]),
}

/// The two columns that `names` has with a comma between them; a name may have one itself.
fn pair_named(names: &str, present: &[String]) -> Result<Option<Texts>, ColumnError> {
    let column = |name: &str| present.iter().find(|column| *column == name.trim());
    let splits = names.match_indices(',').filter_map(|(place, comma)| {
        let (first, second) = names.split_at(place);
        column(first).zip(column(second.trim_start_matches(comma)))
    });
    let found: Vec<_> = splits.collect();
    match found.as_slice() {
        [] => Ok(None),
        [(first, second)] if first == second => {
            Err(ColumnError::SameTexts { column: (*first).clone() })
        }
        [(first, second), ..] => Ok(Some(Texts::Pair([first, second].map(|name| (*name).clone())))),
    }
}

/// The two columns that are called as those of a pair usually are.
fn conventional_pair(present: &[String]) -> Result<Option<Texts>, ColumnError> {
    let column = |name: &str| present.iter().find(|column| column.eq_ignore_ascii_case(name));
    let found = PAIRS.iter().filter_map(|[first, second]| column(first).zip(column(second)));
    let found: Vec<_> = found.collect();
    match found.as_slice() {
        [] => Ok(None),
        [(first, second)] => Ok(Some(Texts::Pair([first, second].map(|name| (*name).clone())))),
        several => Err(ColumnError::Several {
            role: ColumnRole::Text,
            candidates: several.iter().flat_map(|(a, b)| [(*a).clone(), (*b).clone()]).collect(),
        }),
    }
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

    #[test]
    fn pairs_are_named_or_recognised_and_never_guessed() {
        let check = |choice: &ColumnChoice, present: &[&str], expected: Option<&[&str]>| {
            let columns: Vec<String> = present.iter().map(|&name| name.to_owned()).collect();
            let found = choice.texts_among(&columns).ok().flatten().map(|texts| match texts {
                Texts::One(name) => vec![name],
                Texts::Pair(names) => names.to_vec(),
            });
            let expected: Option<Vec<String>> =
                expected.map(|names| names.iter().map(|&name| name.to_owned()).collect());
            assert_eq!(found, expected, "{choice:?} in {present:?}");
        };
        let detect = ColumnChoice::Detect;
        check(&detect, &["Premise", "hypothesis", "label"], Some(&["Premise", "hypothesis"]));
        check(&detect, &["question2", "question1"], Some(&["question1", "question2"]));
        check(&detect, &["sentence1", "label"], None);
        check(&detect, &["text", "label"], Some(&["text"]));
        check(&detect, &["text", "sentence1", "sentence2"], None);
        check(&detect, &["text1", "text2", "sentence1", "sentence2"], None);
        check(&detect, &["question", "sentence"], None);
        let named = |names: &str| ColumnChoice::Named(names.to_owned());
        check(&named("title, body"), &["title", "body", "text"], Some(&["title", "body"]));
        check(&named("a,b"), &["a,b", "a", "b"], Some(&["a,b"]));
        check(&named("a,b,c"), &["a", "b,c"], Some(&["a", "b,c"]));
        check(&named("a,b"), &["a", "c"], None);
        check(&named("a,a"), &["a"], None);
        let pair = ColumnChoice::RememberedPair(["a", "b"].map(str::to_owned));
        check(&pair, &["a", "b", "text"], Some(&["a", "b"]));
        check(&pair, &["text", "label"], None);
        check(&pair, &["sentence1", "sentence2"], Some(&["sentence1", "sentence2"]));
        let one = ColumnChoice::Remembered("a".to_owned());
        check(&one, &["sentence1", "sentence2"], None);
    }
}
