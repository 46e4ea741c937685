//! A labelled corpus in memory: a user's file, read and judged as a whole.
//!
//! A file is read to its end before it is refused, so that one message tells all that is wrong with
//! it. What is returned holds only rows that can be used.

use std::ops::Deref;

use crate::bad_row::BadRows;
use crate::columns::{Columns, Wanted};
use crate::data_file;
use crate::error::DataError;
use crate::facts::{CorpusFacts, RawFacts};
use crate::file_doubts::{FileDoubt, is_quoted};
use crate::format::Format;
use crate::held_out::HeldOut;
use crate::labels::{LabelError, LabelMap, Labels};
use crate::manner::Manner;
use crate::renames::Renames;
use crate::sorted_rows::{Labelled, SortedRows};
use crate::source::{CorpusSource, Example};

/// A file of labelled texts that was read, before it is settled which labels are classes.
#[derive(Clone, Debug)]
pub struct RawCorpus {
    facts: RawFacts,
    rows: Vec<Labelled>,
}

impl RawCorpus {
    /// Reads the file of `source`.
    ///
    /// # Errors
    /// [`DataError`], for a file that cannot be read, that has no rows, or whose columns cannot be told.
    pub fn read(source: &CorpusSource) -> Result<Self, DataError> {
        let mut rows = Vec::new();
        let facts = read(source, |row| rows.push(row))?;
        Ok(Self { facts, rows })
    }

    /// The same with each label called as the user calls it.
    #[must_use]
    pub fn renamed(mut self, renames: &Renames) -> Self {
        self.facts.rename(renames);
        self
    }

    /// The corpus with classes of `labels`.
    ///
    /// # Errors
    /// [`DataError`], for a file that cannot be learned from.
    pub fn labelled(mut self, labels: Labels<'_>) -> Result<Corpus, DataError> {
        let facts = self.facts.labelled(labels)?;
        let classes = self.facts.rows.numbers(facts.labels());
        let example = |Labelled { label, text, line }: Labelled| {
            let (_, label) = classes.get(usize::try_from(label).ok()?)?;
            Some(Example { text, label: (*label)?, line })
        };
        let examples = self.rows.into_iter().filter_map(example).collect();
        Ok(Corpus { facts, examples, format: Some(self.facts.format) })
    }
}

/// Reads the file of `source` and gives its usable rows to `keep`.
pub(crate) fn read(
    source: &CorpusSource,
    keep: impl FnMut(Labelled),
) -> Result<RawFacts, DataError> {
    let file = data_file::open(&source.path)?;
    let format = data_file::format(&source.path)?;
    let wanted =
        Wanted { text: source.text_column.clone(), label: Some(source.label_column.clone()) };
    let mut rows = data_file::rows(file, format, wanted, &source.path)?;
    let sorted = SortedRows::read(&mut rows, keep)?;
    let facts = RawFacts {
        path: source.path.clone(),
        on_bad_row: source.on_bad_row,
        foreign: rows.foreign(),
        format: rows.format(),
        manner: rows.manner(),
        columns: rows.into_columns()?,
        rows: sorted,
    };
    facts.check_rows()
}

/// The usable examples of one file.
#[derive(Clone, Debug)]
pub struct Corpus {
    facts: CorpusFacts,
    examples: Vec<Example>,
    /// How the file is written, if it is one.
    format: Option<Format>,
}

impl Deref for Corpus {
    type Target = CorpusFacts;

    fn deref(&self) -> &CorpusFacts {
        &self.facts
    }
}

impl Corpus {
    /// Reads the file of `source`.
    ///
    /// # Errors
    /// [`DataError`], for a file that cannot be read or that cannot be learned from.
    pub fn read(source: &CorpusSource, labels: Labels<'_>) -> Result<Self, DataError> {
        RawCorpus::read(source)?.labelled(labels)
    }

    /// A corpus that does not come from a file.
    ///
    /// # Errors
    /// [`LabelError`] when a class is out of range or there are too few examples or classes.
    pub fn from_examples(examples: Vec<Example>, labels: LabelMap) -> Result<Self, LabelError> {
        let classes = labels.len();
        if let [name] = labels.names() {
            let (name, examples) = (name.clone(), examples.len());
            return Err(LabelError::SingleClass { name, examples });
        }
        for (example, Example { label, .. }) in examples.iter().enumerate() {
            if labels.name(*label).is_none() {
                return Err(LabelError::OutOfRange { example, label: *label, classes });
            }
        }
        if examples.len() < classes {
            return Err(LabelError::FewerExamplesThanClasses { examples: examples.len(), classes });
        }
        let facts = CorpusFacts {
            counts: counts(&examples, classes),
            labels,
            columns: Columns { text: "text".to_owned(), label: Some("label".to_owned()) },
            skipped: BadRows::default(),
            numbered: 0,
            manner: Manner::default(),
            foreign: None,
            quoted: None,
        };
        Ok(Self { facts, examples, format: None })
    }

    /// The same examples under the numbers that `labels` gives their classes, where it has all of
    /// them by name.
    #[must_use]
    pub fn in_terms_of(mut self, labels: &LabelMap) -> Self {
        let ids: Option<Vec<u32>> =
            self.labels.names().iter().map(|name| labels.id(name)).collect();
        if let Some(ids) = ids {
            let id = |label: u32| usize::try_from(label).ok().and_then(|label| ids.get(label));
            for example in &mut self.examples {
                example.label = id(example.label).copied().unwrap_or(example.label);
            }
            self.facts.labels = labels.clone();
            self.facts.counts = counts(&self.examples, labels.len());
        }
        self
    }

    /// The part that is learned from and the part that is held out, each in the order of the file. What
    /// was odd about reading stays with the first.
    ///
    /// # Errors
    /// [`DataError::NothingHeldOut`] where the share is less than one text.
    pub fn hold_out(mut self, rule: HeldOut) -> Result<(Self, Self), DataError> {
        let mut is_held = rule.of(&self.examples).into_iter();
        let (held, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.examples)
            .into_iter()
            .partition(|_| is_held.next() == Some(true));
        if held.is_empty() {
            return Err(DataError::NothingHeldOut { share: rule.share, examples: kept.len() });
        }
        let facts = CorpusFacts {
            skipped: BadRows::default(),
            numbered: 0,
            foreign: None,
            ..self.facts.clone()
        };
        let held = Self { facts, ..self.clone() }.with(held);
        Ok((self.with(kept), held))
    }

    /// The same file with these of its examples.
    fn with(mut self, examples: Vec<Example>) -> Self {
        self.facts.counts = counts(&examples, self.facts.labels.len());
        self.facts.quoted = quoting(&examples).filter(|_| self.format == Some(Format::Tsv));
        Self { examples, ..self }
    }

    /// The examples in the order of the file.
    #[must_use]
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The text and the class of each example, in the order of the file.
    pub fn texts_and_labels(&self) -> impl Iterator<Item = (&str, u32)> + '_ {
        self.examples.iter().map(|example| (example.text.as_str(), example.label))
    }
}

/// How many of the examples each of so many classes has.
fn counts(examples: &[Example], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for example in examples {
        let count = usize::try_from(example.label).ok().and_then(|id| counts.get_mut(id));
        count.into_iter().for_each(|count| *count += 1);
    }
    counts
}

/// Texts in quotes that were read as letters.
fn quoting(examples: &[Example]) -> Option<FileDoubt> {
    let mut quoted = examples.iter().filter(|example| is_quoted(&example.text));
    let Example { text, line, .. } = quoted.next()?;
    Some(FileDoubt::Quoted { texts: 1 + quoted.count(), line: *line, text: text.clone() })
}
