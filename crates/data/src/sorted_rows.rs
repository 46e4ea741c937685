//! The labels of the usable rows of a set of files, and the account of the bad rows.
//!
//! All files are read to their end before the set is refused, so that one message tells all that is wrong. Labels
//! are looked at once all of them are known: whether -1 is a class follows from the others. What is
//! decided of a label holds for all of its rows, so no row needs to be kept for it.

use std::collections::{BTreeSet, HashMap};
use std::io::BufRead;
use std::mem;

use crate::bad_row::{BadRow, BadRowKind, BadRows};
use crate::error::DataError;
use crate::file_doubts::{FileDoubt, is_quoted};
use crate::format::Format;
use crate::label_rows::{LabelRows, Quoted};
use crate::label_value::{NO_LABEL, is_count, value_of};
use crate::labels::{LabelError, LabelMap, Labels};
use crate::read_files::{ReadFiles, RowPlace};
use crate::renames::Renames;
use crate::rows::{Content, Row, Rows};

/// The rows of a file by their labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct SortedRows {
    labels: Vec<LabelRows>,
    /// The place of each label among them.
    numbers: HashMap<String, usize>,
    bad: BadRows,
}

/// A usable row.
#[derive(Clone, Debug)]
pub(crate) struct Labelled {
    /// The number of its label, in the order in which labels first occur.
    pub(crate) label: u32,
    pub(crate) text: String,
    pub(crate) place: RowPlace,
}

impl SortedRows {
    /// Adds all `rows` of the file with this number, whatever their labels are, and gives the usable ones
    /// to `keep`.
    pub(crate) fn read<R: BufRead>(
        &mut self,
        rows: &mut Rows<R>,
        file: u32,
        keep: &mut dyn FnMut(Labelled),
    ) -> Result<(), DataError> {
        // Empty lines count once a row follows them; at the end of a file they mean nothing.
        let mut empty_lines = BadRows::default();
        while let Some(Row { line, content }) = rows.next()? {
            let place = RowPlace { file, line };
            let content = match content {
                Err(kind @ BadRowKind::EmptyLine) => {
                    empty_lines.note(BadRow { place, kind });
                    continue;
                }
                content => content,
            };
            self.bad.append(mem::take(&mut empty_lines));
            let row = content.map(|Content { text, label }| (text, label.unwrap_or_default()));
            if let Ok((text, label)) = &row
                && rows.format() == Format::Tsv
                && is_quoted(text)
            {
                self.note_quoted(label, place, text);
            }
            self.add(place, row, keep);
        }
        Ok(())
    }

    /// Adds the row in `place`: its text and its label, or what is wrong with it.
    pub(crate) fn add(
        &mut self,
        place: RowPlace,
        row: Result<(String, String), BadRowKind>,
        keep: &mut dyn FnMut(Labelled),
    ) {
        let (text, label) = match row {
            Ok(row) => row,
            Err(kind) => return self.bad.note(BadRow { place, kind }),
        };
        let (number, label) = self.label(&label);
        label.rows += 1;
        if label.first.len() < BadRows::SHOWN {
            label.first.push(place);
        }
        keep(Labelled { label: number, text, place });
    }

    fn note_quoted(&mut self, label: &str, place: RowPlace, text: &str) {
        let (_, label) = self.label(label);
        let first = || Quoted { texts: 0, place, text: text.to_owned() };
        label.quoted.get_or_insert_with(first).texts += 1;
    }

    /// The rows of a label, with its number.
    fn label(&mut self, name: &str) -> (u32, &mut LabelRows) {
        let next = self.labels.len();
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                self.numbers.insert(name.to_owned(), next);
                self.labels.push(LabelRows::of(name));
                next
            }
        };
        (u32::try_from(number).unwrap_or(u32::MAX), &mut self.labels[number])
    }

    /// Says in which files the rows stand.
    pub(crate) fn set_files(&mut self, files: ReadFiles) {
        self.bad = mem::take(&mut self.bad).in_files(files);
    }

    /// The rows of a file that was read before.
    pub(crate) fn known(labels: Vec<LabelRows>, bad: BadRows) -> Self {
        Self { labels, bad, ..Self::default() }
    }

    /// The rows of each label; nothing where they were renamed.
    pub(crate) fn labels(&self) -> Option<&[LabelRows]> {
        self.labels.iter().all(|label| label.name == label.of_file).then_some(&*self.labels)
    }

    /// Gives each label the name that the user has for it.
    pub(crate) fn rename(&mut self, renames: &Renames) {
        self.keep(|label| match renames.class(label) {
            Some(class) => {
                class.clone_into(label);
                Ok(())
            }
            None => Err(BadRowKind::UnmappedLabel { label: mem::take(label) }),
        });
    }

    /// Puts rows whose label is no class of `labels` among the bad; `classes` are then those of the
    /// rest.
    pub(crate) fn judge_labels(&mut self, labels: Labels<'_>) {
        let known = match labels {
            Labels::Known(map) => Some(map),
            Labels::Infer | Labels::Offered(_) if self.has_marks() => None,
            Labels::Infer | Labels::Offered(_) => return,
        };
        self.keep(|label| {
            let (is_mark, is_class) = match known {
                Some(map) => (map.is_no_label(label), map.id(label).is_some()),
                None => (value_of(label) == NO_LABEL, true),
            };
            let label = || label.clone();
            match (is_mark, is_class) {
                (true, _) => Err(BadRowKind::NoLabel { label: label() }),
                (_, false) => Err(BadRowKind::UnknownLabel { label: label() }),
                (false, true) => Ok(()),
            }
        });
    }

    /// The classes of the usable rows. A map that the file itself makes must have something to tell
    /// apart.
    pub(crate) fn classes(&self, labels: Labels<'_>) -> Result<LabelMap, LabelError> {
        let distinct = self.distinct();
        let of_file = || LabelMap::infer(distinct.iter().copied());
        let map = match labels {
            Labels::Known(map) => return Ok(map.clone()),
            Labels::Offered(map) if distinct.iter().all(|label| map.id(label).is_some()) => {
                map.clone()
            }
            Labels::Offered(_) | Labels::Infer => of_file()?,
        };
        let examples = self.usable();
        let name = |label: Option<&&str>| label.copied().unwrap_or_default().to_owned();
        match of_file()?.len() {
            1 if distinct.iter().all(|label| value_of(label) == NO_LABEL) => {
                Err(LabelError::NoneLabelled { examples })
            }
            1 => Err(LabelError::SingleClass { name: name(distinct.first()), examples }),
            classes if classes > 2 && classes == examples => {
                Err(LabelError::NoLabelTwice { name: name(distinct.first()), examples })
            }
            _ => Ok(map),
        }
    }

    /// How many rows can be used.
    pub(crate) fn usable(&self) -> usize {
        self.count(|_| true)
    }

    /// The rows that cannot be used.
    pub(crate) fn bad(&self) -> &BadRows {
        &self.bad
    }

    /// How many labels are the number of their class and not its name.
    pub(crate) fn numbered(&self, labels: &LabelMap) -> usize {
        self.count(|label| labels.id_by_number(label).is_some())
    }

    /// How many rows each class of `labels` has.
    pub(crate) fn counts(&self, labels: &LabelMap) -> Vec<usize> {
        let mut counts = vec![0; labels.len()];
        for LabelRows { name, rows, .. } in self.usable_labels() {
            let id = labels.id(name).and_then(|id| usize::try_from(id).ok());
            if let Some(count) = id.and_then(|id| counts.get_mut(id)) {
                *count += usize::try_from(*rows).unwrap_or(usize::MAX);
            }
        }
        counts
    }

    /// The class of each label, by the label's number; nothing where its rows are bad.
    pub(crate) fn numbers(&self, labels: &LabelMap) -> Vec<Option<u32>> {
        let class = |label: &LabelRows| labels.id(&label.name).filter(|_| label.is_usable);
        self.labels.iter().map(class).collect()
    }

    /// Whether these are the same labels as `others`, with as many rows each.
    pub(crate) fn equals(&self, others: &Self) -> bool {
        let facts = |rows: &Self| -> Vec<(String, u64)> {
            rows.labels.iter().map(|label| (label.of_file.clone(), label.rows)).collect()
        };
        facts(self) == facts(others)
    }

    /// Texts in quotes that were read as letters.
    pub(crate) fn quoted(&self, files: &ReadFiles) -> Option<FileDoubt> {
        let quoted = || self.usable_labels().filter_map(|label| label.quoted.as_ref());
        let Quoted { place, text, .. } = quoted().min_by_key(|quoted| quoted.place)?;
        let texts = quoted().map(|quoted| quoted.texts).sum();
        Some(FileDoubt::Quoted { texts, place: files.words(*place), text: text.clone() })
    }

    fn usable_labels(&self) -> impl Iterator<Item = &LabelRows> {
        self.labels.iter().filter(|label| label.is_usable)
    }

    fn count(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        let meant = self.usable_labels().filter(|label| is_meant(&label.name));
        usize::try_from(meant.map(|label| label.rows).sum::<u64>()).unwrap_or(usize::MAX)
    }

    fn distinct(&self) -> BTreeSet<&str> {
        self.usable_labels().map(|label| label.name.as_str()).collect()
    }

    /// Whether -1 marks the rows without a label: all other labels count from zero, and there are
    /// classes enough without it.
    fn has_marks(&self) -> bool {
        let distinct = self.distinct();
        let values: BTreeSet<_> = distinct.into_iter().map(value_of).collect();
        values.contains(NO_LABEL)
            && values.len() > 2
            && values.iter().all(|value| value == NO_LABEL || is_count(value))
    }

    /// Moves the rows to the bad ones whose label is found to be one.
    fn keep(&mut self, mut judge: impl FnMut(&mut String) -> Result<(), BadRowKind>) {
        for label in self.labels.iter_mut().filter(|label| label.is_usable) {
            if let Err(kind) = judge(&mut label.name) {
                label.is_usable = false;
                self.bad.note_all(&label.first, label.rows, &kind);
            }
        }
    }
}
