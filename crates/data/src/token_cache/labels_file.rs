//! What is known of the labels of a file, kept for the next run.

use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};

use crate::bad_row::BadRows;
use crate::columns::Columns;
use crate::corpus_file::RawCorpusFile;
use crate::facts::RawFacts;
use crate::file_state::FileState;
use crate::format::Format;
use crate::manner::Manner;
use crate::sorted_rows::{LabelRows, SortedRows};
use crate::source::CorpusSource;

/// The labels of a file without bad rows: an account of those is for the eyes of a user who may repair
/// the file, and is made anew.
#[derive(Serialize, Deserialize)]
pub(super) struct LabelsFile {
    text: String,
    label: Option<String>,
    format: Format,
    encoding: Option<String>,
    delimiter: Option<u8>,
    labels: Vec<LabelRows>,
}

impl LabelsFile {
    pub(super) fn of(raw: &RawCorpusFile) -> Option<Self> {
        let RawFacts { columns, rows, format, manner, .. } = &raw.facts;
        let Columns { text, label } = columns.clone()?;
        let labels = rows.labels().filter(|_| rows.bad().is_empty())?.to_vec();
        let Manner { encoding, delimiter } = *manner;
        let encoding = encoding.map(str::to_owned);
        Some(Self { text, label, format: *format, encoding, delimiter, labels })
    }

    /// The file of `source` as it was read; nothing where this version does not know its encoding.
    pub(super) fn raw(
        self,
        source: &CorpusSource,
        state: FileState,
        key: u128,
    ) -> Option<RawCorpusFile> {
        let Self { text, label, format, encoding, delimiter, labels } = self;
        let encoding = match encoding {
            Some(name) => Some(Encoding::for_label(name.as_bytes())?.name()),
            None => None,
        };
        let facts = RawFacts {
            path: source.path.clone(),
            on_bad_row: source.on_bad_row,
            columns: Some(Columns { text, label }),
            rows: SortedRows::known(labels, BadRows::of(format)),
            format,
            manner: Manner { encoding, delimiter },
            foreign: None,
        };
        Some(RawCorpusFile { source: source.clone(), facts, state, key: Some(key) })
    }
}
