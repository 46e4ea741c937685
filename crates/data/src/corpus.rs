//! A labelled corpus: the usable examples of a user's files, with their classes.

use crate::bad_row::BadRows;
use crate::columns::Columns;
use crate::doubts::{Doubt, doubts, unlearned};
use crate::error::DataError;
use crate::file_doubts::{FileDoubt, is_quoted};
use crate::format::Format;
use crate::held_out::HeldOut;
use crate::labels::{LabelError, LabelMap};
use crate::manner::Manner;
use crate::read_files::{ReadFiles, RowPlace};
use crate::source::Example;

/// The usable examples of one set of files.
#[derive(Clone, Debug)]
pub struct Corpus {
    pub(crate) examples: Vec<Example>,
    pub(crate) labels: LabelMap,
    pub(crate) columns: Columns,
    pub(crate) skipped: BadRows,
    pub(crate) numbered: usize,
    /// The files; none where the examples are made otherwise.
    pub(crate) files: ReadFiles,
    /// What is odd about the files as a whole.
    pub(crate) doubts: Vec<FileDoubt>,
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
        let columns = Columns { text: "text".to_owned(), label: Some("label".to_owned()) };
        let (skipped, files, doubts) = (BadRows::default(), ReadFiles::default(), Vec::new());
        Ok(Self { examples, labels, columns, skipped, numbered: 0, files, doubts })
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
        let (skipped, doubts) = (BadRows::default(), Vec::new());
        let held = Self { examples: held, skipped, numbered: 0, doubts, ..self.clone() };
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

    /// How the first file was read, where its name does not say it.
    #[must_use]
    pub fn manner(&self) -> Manner {
        self.files.first().map(|file| file.manner).unwrap_or_default()
    }

    /// Where an example stands, in words.
    pub(crate) fn words(&self, place: RowPlace) -> String {
        self.files.words(place)
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
        let of_files = self.doubts.iter().cloned().chain(self.doubts_of_reading());
        of_classes.into_iter().chain(of_files.map(Doubt::OfFile)).collect()
    }

    /// What is odd about this corpus beside the one of the same classes that is learned from.
    pub fn doubts_beside(&self, train: &Self) -> impl Iterator<Item = Doubt> + '_ {
        let of_classes = unlearned(self.labels.names(), &self.counts(), &train.counts());
        of_classes.into_iter().chain(self.doubts_of_reading().map(Doubt::OfFile))
    }

    /// Why texts are perhaps not what the file means, and rows were dropped.
    pub fn doubts_of_reading(&self) -> impl Iterator<Item = FileDoubt> + '_ {
        let foreign = self.files.foreign();
        let of_bytes =
            foreign.filter_map(|(path, found)| FileDoubt::foreign(path, found, &self.skipped));
        of_bytes.take(1).chain(self.quoting())
    }

    /// Texts in quotes that were read as letters.
    fn quoting(&self) -> Option<FileDoubt> {
        let is_tsv = |example: &&Example| {
            self.files.of(example.place).is_some_and(|file| file.format == Format::Tsv)
        };
        let mut quoted =
            self.examples.iter().filter(is_tsv).filter(|example| is_quoted(&example.text));
        let Example { text, place, .. } = quoted.next()?;
        let (place, text) = (self.words(*place), text.clone());
        Some(FileDoubt::Quoted { texts: 1 + quoted.count(), place, text })
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
