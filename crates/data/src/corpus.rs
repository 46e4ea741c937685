//! A labelled corpus in memory: the usable examples of a user's files, with their classes.

use std::ops::Deref;

use crate::bad_row::BadRows;
use crate::columns::Columns;
use crate::error::DataError;
use crate::facts::CorpusFacts;
use crate::file_doubts::{FileDoubt, is_quoted};
use crate::format::Format;
use crate::held_out::HeldOut;
use crate::labels::{LabelError, LabelMap};
use crate::read_files::ReadFiles;
use crate::sample::{Sample, Sampled};
use crate::source::Example;

/// The usable examples of one set of files.
#[derive(Clone, Debug)]
pub struct Corpus {
    pub(crate) facts: CorpusFacts,
    pub(crate) examples: Vec<Example>,
}

impl Deref for Corpus {
    type Target = CorpusFacts;

    fn deref(&self) -> &CorpusFacts {
        &self.facts
    }
}

impl Corpus {
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
        let [text, label] = ["text", "label"].map(str::to_owned);
        let facts = CorpusFacts {
            counts: counts(&examples, classes),
            labels,
            columns: Columns { text, second: None, label: Some(label) },
            skipped: BadRows::default(),
            numbered: 0,
            files: ReadFiles::default(),
            doubts: Vec::new(),
            quoted: None,
            sampled: None,
        };
        Ok(Self { facts, examples })
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
            doubts: Vec::new(),
            ..self.facts.clone()
        };
        let held = Self { facts, ..self.clone() }.with(held);
        Ok((self.with(kept), held))
    }

    /// The examples of a sample.
    #[must_use]
    pub fn limited_to(mut self, sample: Sample) -> Self {
        let Some(chosen) = sample.of(self.examples.len()) else { return self };
        let counts = self.facts.counts.clone();
        let numbered = (0..).zip(std::mem::take(&mut self.examples));
        let examples = numbered.filter(|(number, _)| chosen.has(*number));
        let examples = examples.map(|(_, example)| example).collect();
        self.facts.sampled = Some(Sampled { sample, counts });
        self.with(examples)
    }

    /// The same file with these of its examples.
    fn with(mut self, examples: Vec<Example>) -> Self {
        self.facts.counts = counts(&examples, self.facts.labels.len());
        self.facts.quoted = quoting(&examples, &self.facts.files);
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

/// How many of the examples each class has.
fn counts(examples: &[Example], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for example in examples {
        let count = usize::try_from(example.label).ok().and_then(|id| counts.get_mut(id));
        count.into_iter().for_each(|count| *count += 1);
    }
    counts
}

/// Texts in quotes that were read as letters.
fn quoting(examples: &[Example], files: &ReadFiles) -> Option<FileDoubt> {
    let is_tsv =
        |example: &&Example| files.of(example.place).is_some_and(|file| file.format == Format::Tsv);
    let mut quoted = examples.iter().filter(is_tsv).filter(|example| is_quoted(&example.text));
    let Example { text, place, .. } = quoted.next()?;
    let (place, text) = (files.words(*place), text.clone());
    Some(FileDoubt::Quoted { texts: 1 + quoted.count(), place, text })
}
