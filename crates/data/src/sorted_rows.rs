//! The rows of a file with the usable apart from the bad, and the judgement over both.
//!
//! A file is read to its end before it is refused, so that one message tells all that is wrong.

use std::io::BufRead;
use std::mem;

use crate::bad_row::{BadRow, BadRowKind, BadRows};
use crate::columns::Columns;
use crate::corpus::{CorpusSource, Example, OnBadRow};
use crate::error::DataError;
use crate::labels::{LabelError, LabelMap, Labels};
use crate::rows::{Content, Row, Rows};

pub(crate) struct SortedRows {
    usable: Vec<Labelled>,
    bad: BadRows,
}

/// A text with its label as the file has it.
struct Labelled {
    text: String,
    label: String,
    line: u64,
}

impl SortedRows {
    /// Reads all `rows`. A label is a fault of its row only where the labels are known beforehand.
    pub(crate) fn read<R: BufRead>(
        rows: &mut Rows<R>,
        labels: Labels<'_>,
    ) -> Result<Self, DataError> {
        let mut sorted = Self { usable: Vec::new(), bad: BadRows::default() };
        // Empty lines count once a row follows them; at the end of a file they mean nothing.
        let mut empty_lines = BadRows::default();
        while let Some(Row { line, content }) = rows.next()? {
            let bad = match content.and_then(|content| labelled(content, line, labels)) {
                Err(BadRowKind::EmptyLine) => {
                    empty_lines.note(BadRow { line, kind: BadRowKind::EmptyLine });
                    continue;
                }
                Ok(usable) => {
                    sorted.usable.push(usable);
                    None
                }
                Err(kind) => Some(BadRow { line, kind }),
            };
            sorted.bad.append(mem::take(&mut empty_lines));
            bad.into_iter().for_each(|row| sorted.bad.note(row));
        }
        Ok(sorted)
    }

    /// Refuses a file that has nothing usable, or bad rows that nobody has allowed.
    pub(crate) fn judge(
        &self,
        source: &CorpusSource,
        columns: Option<&Columns>,
        labels: Labels<'_>,
    ) -> Result<Columns, DataError> {
        let path = source.path.clone();
        let bad = self.bad.clone();
        let rows = self.usable.len() as u64 + bad.total();
        match (columns, source.on_bad_row) {
            (Some(columns), _) if rows == 0 => {
                let Columns { text, label } = columns.clone();
                Err(DataError::NoRows { path, text, label: label.unwrap_or_default() })
            }
            (None, _) if rows == 0 => Err(DataError::EmptyFile { path }),
            (_, OnBadRow::Fail) if !bad.is_empty() => {
                Err(DataError::BadRows { path, rows, known: self.known_if_missed(labels), bad })
            }
            (Some(columns), _) if !self.usable.is_empty() => Ok(columns.clone()),
            _ => Err(DataError::AllRowsBad { path, known: self.known_if_missed(labels), bad }),
        }
    }

    /// The classes. A map that the file itself makes must have something to tell apart.
    pub(crate) fn labels(&self, labels: Labels<'_>) -> Result<LabelMap, LabelError> {
        if let Labels::Known(map) = labels {
            return Ok(map.clone());
        }
        let map = LabelMap::infer(self.usable.iter().map(|row| row.label.as_str()))?;
        let examples = self.usable.len();
        let name = map.name(0).unwrap_or_default().to_owned();
        match map.len() {
            1 => Err(LabelError::SingleClass { name, examples }),
            classes if classes > 2 && classes == examples => {
                Err(LabelError::NoLabelTwice { name, examples })
            }
            _ => Ok(map),
        }
    }

    /// The rows that cannot be used.
    pub(crate) fn bad(&self) -> &BadRows {
        &self.bad
    }

    /// The usable rows as examples, and the account of the others. Each label is in `labels`.
    pub(crate) fn examples(self, labels: &LabelMap) -> (Vec<Example>, BadRows) {
        let example = |Labelled { text, label, line }| {
            Some(Example { text, label: labels.id(&label)?, line })
        };
        (self.usable.into_iter().filter_map(example).collect(), self.bad)
    }

    /// The known labels, for a message about rows whose label is none of them.
    fn known_if_missed(&self, labels: Labels<'_>) -> Vec<String> {
        let missed = self.bad.counts().any(|(name, _)| name == BadRowKind::UNKNOWN_LABEL);
        match labels {
            Labels::Known(map) if missed => map.names().to_vec(),
            _ => Vec::new(),
        }
    }
}

fn labelled(content: Content, line: u64, labels: Labels<'_>) -> Result<Labelled, BadRowKind> {
    let Content { text, label } = content;
    let label = label.unwrap_or_default();
    match labels {
        Labels::Known(map) if map.id(&label).is_none() => Err(BadRowKind::UnknownLabel { label }),
        _ => Ok(Labelled { text, label, line }),
    }
}
