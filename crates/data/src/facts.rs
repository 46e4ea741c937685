//! What is known of a labelled file besides its texts: columns, classes, counts, bad rows.
//!
//! It follows from the labels and the bad rows alone, so it is the same for a corpus in memory, for one
//! whose texts stay in their file, and for one that an earlier run has read.

use std::path::PathBuf;

use lockstep_world::counted;

use crate::bad_row::{BadRowKind, BadRows};
use crate::clues::Clues;
use crate::columns::Columns;
use crate::doubts::{Doubt, doubts, unlearned};
use crate::error::DataError;
use crate::file_doubts::FileDoubt;
use crate::labels::{LabelMap, Labels};
use crate::manner::Manner;
use crate::read_files::{ReadFiles, RowPlace};
use crate::renames::Renames;
use crate::sample::Sampled;
use crate::sorted_rows::SortedRows;
use crate::source::OnBadRow;

/// What is known of a file before it is settled which of its labels are classes.
#[derive(Clone, Debug)]
pub(crate) struct RawFacts {
    /// What messages call the files.
    pub(crate) name: PathBuf,
    pub(crate) on_bad_row: OnBadRow,
    pub(crate) columns: Option<Columns>,
    pub(crate) rows: SortedRows,
    pub(crate) files: ReadFiles,
    /// What is odd about the files as a whole.
    pub(crate) doubts: Vec<FileDoubt>,
}

impl RawFacts {
    /// Rows, usable or not.
    fn count(&self) -> u64 {
        self.rows.usable() as u64 + self.rows.bad().total()
    }

    /// The same with each label called as the user calls it.
    pub(crate) fn rename(&mut self, renames: &Renames) {
        self.rows.rename(renames);
    }

    /// Settles which labels are classes.
    ///
    /// # Errors
    /// [`DataError`], for a file that cannot be learned from.
    pub(crate) fn labelled(&mut self, labels: Labels<'_>) -> Result<CorpusFacts, DataError> {
        self.rows.judge_labels(labels);
        let columns = self.judge(labels)?;
        let map = self.rows.classes(labels).map_err(|fault| DataError::Labels {
            path: self.name.clone(),
            skipped: self.rows.bad().clone(),
            fault: Box::new(fault),
        })?;
        let skipped = self.rows.bad().clone();
        Ok(CorpusFacts {
            counts: self.rows.counts(&map),
            numbered: self.rows.numbered(&map),
            quoted: self.rows.quoted(&self.files),
            labels: map,
            columns,
            skipped,
            files: self.files.clone(),
            doubts: self.doubts.clone(),
            sampled: None,
        })
    }

    /// Refuses a file that has nothing usable, or bad rows that the user has not allowed.
    fn judge(&self, labels: Labels<'_>) -> Result<Columns, DataError> {
        let bad = self.rows.bad().clone();
        let rows = self.count();
        let foreign = self.files.foreign().find(|(_, foreign)| foreign.explains(&bad));
        let clues = Box::new(Clues {
            known: known_if_missed(&bad, labels),
            foreign: foreign.map(|(_, foreign)| foreign),
            file: foreign.map_or_else(PathBuf::new, |(path, _)| path.to_owned()),
        });
        let path = self.name.clone();
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

/// What is known of the usable examples of one file, besides their texts.
#[derive(Clone, Debug)]
pub struct CorpusFacts {
    pub(crate) labels: LabelMap,
    /// How many examples each class has (K).
    pub(crate) counts: Vec<usize>,
    pub(crate) columns: Columns,
    pub(crate) skipped: BadRows,
    pub(crate) numbered: usize,
    /// The files; none where the examples are made otherwise.
    pub(crate) files: ReadFiles,
    /// What is odd about the files as a whole.
    pub(crate) doubts: Vec<FileDoubt>,
    /// Texts in quotes that were read as letters.
    pub(crate) quoted: Option<FileDoubt>,
    /// What is left out; nothing where all examples are used.
    pub(crate) sampled: Option<Sampled>,
}

impl CorpusFacts {
    /// The number of examples.
    #[must_use]
    pub fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    /// What is left out, where not all examples are used.
    #[must_use]
    pub fn sampled(&self) -> Option<&Sampled> {
        self.sampled.as_ref()
    }

    /// The number of examples, and which they are where not all are used.
    #[must_use]
    pub fn examples_in_words(&self) -> String {
        match &self.sampled {
            None => counted(self.count(), "example"),
            Some(sampled) => sampled.in_words(self.count()),
        }
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
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// What is odd about the classes and the texts.
    #[must_use]
    pub fn doubts(&self) -> Vec<Doubt> {
        let names = self.labels.names();
        let left_out =
            self.sampled.as_ref().and_then(|all| unlearned(names, &all.counts, &self.counts));
        let of_classes = doubts(names, &self.counts).into_iter().chain(left_out);
        let of_files = self.doubts.iter().cloned().chain(self.doubts_of_reading());
        of_classes.chain(of_files.map(Doubt::OfFile)).collect()
    }

    /// What is odd about this corpus beside the one of the same classes that is learned from.
    pub fn doubts_beside(&self, train: &Self) -> impl Iterator<Item = Doubt> + '_ {
        let of_classes = unlearned(self.labels.names(), &self.counts, &train.counts);
        of_classes.into_iter().chain(self.doubts_of_reading().map(Doubt::OfFile))
    }

    /// Why texts are perhaps not what the file means, and rows were dropped.
    pub fn doubts_of_reading(&self) -> impl Iterator<Item = FileDoubt> + '_ {
        let foreign = self.files.foreign();
        let of_bytes =
            foreign.filter_map(|(path, found)| FileDoubt::foreign(path, found, &self.skipped));
        of_bytes.take(1).chain(self.quoted.clone())
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
