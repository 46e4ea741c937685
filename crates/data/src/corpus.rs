//! A labelled corpus: a user's file, read and judged as a whole.
//!
//! A file is read to its end before it is refused, so that one message tells all that is wrong with
//! it. What is returned holds only rows that can be used.

use std::path::PathBuf;

use crate::bad_row::{BadRowKind, BadRows};
use crate::columns::{Columns, Wanted};
use crate::data_file;
use crate::doubts::{Doubt, doubts, unlearned};
use crate::error::{Clues, DataError};
use crate::file_doubts::{FileDoubt, is_quoted};
use crate::foreign::Foreign;
use crate::format::Format;
use crate::held_out::HeldOut;
use crate::labels::{LabelError, LabelMap, Labels};
use crate::manner::Manner;
use crate::renames::Renames;
use crate::sorted_rows::SortedRows;
use crate::source::{CorpusSource, Example, OnBadRow};

/// A file of labelled texts that was read, before it is settled which labels are classes.
#[derive(Clone, Debug)]
pub struct RawCorpus {
    path: PathBuf,
    on_bad_row: OnBadRow,
    columns: Option<Columns>,
    rows: SortedRows,
    /// How it is written.
    format: Format,
    manner: Manner,
    /// What the file seems to be, where it is no UTF-8 text.
    foreign: Option<Foreign>,
}

impl RawCorpus {
    /// Reads the file of `source`.
    ///
    /// # Errors
    /// [`DataError`], for a file that cannot be read, that has no rows, or whose columns cannot be told.
    pub fn read(source: &CorpusSource) -> Result<Self, DataError> {
        let file = data_file::open(&source.path)?;
        let format = data_file::format(&source.path)?;
        let wanted =
            Wanted { text: source.text_column.clone(), label: Some(source.label_column.clone()) };
        let mut rows = data_file::rows(file, format, wanted, &source.path)?;
        let sorted = SortedRows::read(&mut rows)?;
        let raw = Self {
            path: source.path.clone(),
            on_bad_row: source.on_bad_row,
            foreign: rows.foreign(),
            format: rows.format(),
            manner: rows.manner(),
            columns: rows.into_columns()?,
            rows: sorted,
        };
        match (&raw.columns, raw.count()) {
            (Some(columns), 0) => {
                let Columns { text, label, .. } = columns.clone();
                Err(DataError::NoRows { path: raw.path, text, label: label.unwrap_or_default() })
            }
            (None, 0) => Err(DataError::EmptyFile { path: raw.path }),
            _ => Ok(raw),
        }
    }

    /// Rows, usable or not.
    fn count(&self) -> u64 {
        self.rows.usable() as u64 + self.rows.bad().total()
    }

    /// The same with each label called as the user calls it.
    #[must_use]
    pub fn renamed(mut self, renames: &Renames) -> Self {
        self.rows.rename(renames);
        self
    }

    /// The corpus with classes of `labels`.
    ///
    /// # Errors
    /// [`DataError`], for a file that cannot be learned from.
    pub fn labelled(mut self, labels: Labels<'_>) -> Result<Corpus, DataError> {
        self.rows.judge_labels(labels);
        let columns = self.judge(labels)?;
        let map = self.rows.classes(labels).map_err(|fault| DataError::Labels {
            path: self.path.clone(),
            skipped: self.rows.bad().clone(),
            fault,
        })?;
        let numbered = self.rows.numbered(&map);
        let (examples, skipped) = self.rows.examples(&map);
        let (format, manner) = (Some(self.format), self.manner);
        let foreign = FileDoubt::foreign(&self.path, self.foreign, &skipped);
        Ok(Corpus { examples, labels: map, columns, skipped, numbered, format, manner, foreign })
    }

    /// Refuses a file that has nothing usable, or bad rows that the user has not allowed.
    fn judge(&self, labels: Labels<'_>) -> Result<Columns, DataError> {
        let path = self.path.clone();
        let bad = self.rows.bad().clone();
        let rows = self.count();
        let foreign = self.foreign.filter(|foreign| foreign.explains(&bad));
        let clues = Box::new(Clues { known: known_if_missed(&bad, labels), foreign });
        match (&self.columns, self.on_bad_row) {
            (_, OnBadRow::Fail) if !bad.is_empty() => {
                Err(DataError::BadRows { path, rows, bad, clues })
            }
            (Some(columns), _) if self.rows.usable() > 0 => Ok(columns.clone()),
            _ => Err(DataError::AllRowsBad { path, bad, clues }),
        }
    }
}

/// The known labels, for a message about rows whose label is none of them.
fn known_if_missed(bad: &BadRows, labels: Labels<'_>) -> Vec<String> {
    let missed = bad.counts().any(|(name, _)| name == BadRowKind::UNKNOWN_LABEL);
    match labels {
        Labels::Known(map) if missed => map.names().to_vec(),
        _ => Vec::new(),
    }
}

/// The usable examples of one file.
#[derive(Clone, Debug)]
pub struct Corpus {
    examples: Vec<Example>,
    labels: LabelMap,
    columns: Columns,
    skipped: BadRows,
    numbered: usize,
    /// How the file is written, if it is one.
    format: Option<Format>,
    manner: Manner,
    /// Why rows of it were dropped, where that can be guessed.
    foreign: Option<FileDoubt>,
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
        let [text, label] = ["text", "label"].map(str::to_owned);
        let columns = Columns { text, second: None, label: Some(label) };
        let skipped = BadRows::default();
        let (format, manner, foreign) = (None, Manner::default(), None);
        Ok(Self { examples, labels, columns, skipped, numbered: 0, format, manner, foreign })
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
            self.labels = labels.clone();
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
        let (skipped, foreign) = (BadRows::default(), None);
        let held = Self { examples: held, skipped, numbered: 0, foreign, ..self.clone() };
        Ok((Self { examples: kept, ..self }, held))
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

    /// The classes.
    #[must_use]
    pub fn labels(&self) -> &LabelMap {
        &self.labels
    }

    /// How the file was read, where its name does not say it.
    #[must_use]
    pub fn manner(&self) -> Manner {
        self.manner
    }

    /// The columns that were read.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// How many examples each class has, class 0 first.
    #[must_use]
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.labels.len()];
        for example in &self.examples {
            let count = usize::try_from(example.label).ok().and_then(|id| counts.get_mut(id));
            count.into_iter().for_each(|count| *count += 1);
        }
        counts
    }

    /// What is odd about the classes and the texts.
    #[must_use]
    pub fn doubts(&self) -> Vec<Doubt> {
        let of_classes = doubts(self.labels.names(), &self.counts());
        of_classes.into_iter().chain(self.doubts_of_reading().map(Doubt::OfFile)).collect()
    }

    /// What is odd about this corpus beside the one of the same classes that is learned from.
    pub fn doubts_beside(&self, train: &Self) -> impl Iterator<Item = Doubt> + '_ {
        let of_classes = unlearned(self.labels.names(), &self.counts(), &train.counts());
        of_classes.into_iter().chain(self.doubts_of_reading().map(Doubt::OfFile))
    }

    /// Why texts are perhaps not what the file means, and rows were dropped.
    pub fn doubts_of_reading(&self) -> impl Iterator<Item = FileDoubt> + '_ {
        self.foreign.clone().into_iter().chain(self.quoting())
    }

    /// Texts in quotes that were read as letters.
    fn quoting(&self) -> Option<FileDoubt> {
        if self.format != Some(Format::Tsv) {
            return None;
        }
        let mut quoted = self.examples.iter().filter(|example| is_quoted(&example.text));
        let Example { text, line, .. } = quoted.next()?;
        Some(FileDoubt::Quoted { texts: 1 + quoted.count(), line: *line, text: text.clone() })
    }

    /// How many labels of the file are the numbers of a model's classes and not their names.
    #[must_use]
    pub fn numbered(&self) -> usize {
        self.numbered
    }

    /// The rows that were dropped.
    #[must_use]
    pub fn skipped(&self) -> &BadRows {
        &self.skipped
    }
}
