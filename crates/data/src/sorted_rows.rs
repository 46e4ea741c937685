//! The rows of a set of files with the usable apart from the bad.
//!
//! All files are read to their end before it is refused, so that one message tells all that is wrong. Labels
//! are looked at once all of them are known: whether -1 is a class follows from the others.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::mem;

use crate::bad_row::{BadRow, BadRowKind, BadRows};
use crate::error::DataError;
use crate::label_value::{NO_LABEL, is_count, value_of};
use crate::labels::{LabelError, LabelMap, Labels};
use crate::read_files::{ReadFiles, RowPlace};
use crate::renames::Renames;
use crate::rows::{Content, Row, Rows};
use crate::source::Example;

#[derive(Clone, Debug, Default)]
pub(crate) struct SortedRows {
    usable: Vec<Labelled>,
    bad: BadRows,
}

/// A text with its label as the file has it.
#[derive(Clone, Debug)]
struct Labelled {
    text: String,
    label: String,
    place: RowPlace,
}

impl SortedRows {
    /// Adds all `rows` of the file with this number, whatever their labels are.
    pub(crate) fn read<R: BufRead>(
        &mut self,
        rows: &mut Rows<R>,
        file: u32,
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
            match content {
                Ok(Content { text, label }) => {
                    self.add(place, Ok((text, label.unwrap_or_default())))
                }
                Err(kind) => self.add(place, Err(kind)),
            }
        }
        Ok(())
    }

    /// Adds the row in `place`: its text and its label, or what is wrong with it.
    pub(crate) fn add(&mut self, place: RowPlace, row: Result<(String, String), BadRowKind>) {
        match row {
            Ok((text, label)) => self.usable.push(Labelled { text, label, place }),
            Err(kind) => self.bad.note(BadRow { place, kind }),
        }
    }

    /// Says in which files the rows stand.
    pub(crate) fn set_files(&mut self, files: ReadFiles) {
        self.bad = mem::take(&mut self.bad).in_files(files);
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
        let examples = self.usable.len();
        let name = |label: Option<&&str>| label.copied().unwrap_or_default().to_owned();
        match of_file()?.len() {
            1 => Err(LabelError::SingleClass { name: name(distinct.first()), examples }),
            classes if classes > 2 && classes == examples => {
                Err(LabelError::NoLabelTwice { name: name(distinct.first()), examples })
            }
            _ => Ok(map),
        }
    }

    /// How many rows can be used.
    pub(crate) fn usable(&self) -> usize {
        self.usable.len()
    }

    /// The rows that cannot be used.
    pub(crate) fn bad(&self) -> &BadRows {
        &self.bad
    }

    /// How many labels are the number of their class and not its name.
    pub(crate) fn numbered(&self, labels: &LabelMap) -> usize {
        self.usable.iter().filter(|row| labels.id_by_number(&row.label).is_some()).count()
    }

    /// The usable rows as examples, and the account of the others. Each label is in `labels`.
    pub(crate) fn examples(self, labels: &LabelMap) -> (Vec<Example>, BadRows) {
        let example = |Labelled { text, label, place }| {
            Some(Example { text, label: labels.id(&label)?, place })
        };
        (self.usable.into_iter().filter_map(example).collect(), self.bad)
    }

    fn distinct(&self) -> BTreeSet<&str> {
        self.usable.iter().map(|row| row.label.as_str()).collect()
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
        let mut bad = BadRows::default();
        self.usable.retain_mut(|Labelled { label, place, .. }| match judge(label) {
            Ok(()) => true,
            Err(kind) => {
                bad.note(BadRow { place: *place, kind });
                false
            }
        });
        self.bad.append(bad);
    }
}
