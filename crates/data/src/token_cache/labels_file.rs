//! What is known of the labels of files, kept for the next run.

use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};

use crate::bad_row::BadRows;
use crate::columns::Columns;
use crate::corpus_file::RawCorpusFile;
use crate::dialect::Delimiter;
use crate::facts::RawFacts;
use crate::file_state::FileState;
use crate::format::Format;
use crate::label_rows::LabelRows;
use crate::manner::Manner;
use crate::read_files::{ReadFile, ReadFiles};
use crate::sorted_rows::SortedRows;
use crate::source::CorpusSource;

/// The labels of files of which nothing is odd: what is, is for the eyes of a user who may repair it,
/// and is found anew.
#[derive(Serialize, Deserialize)]
pub(super) struct LabelsFile {
    text: String,
    #[serde(default)]
    second: Option<String>,
    label: Option<String>,
    files: Vec<Written>,
    labels: Vec<LabelRows>,
}

/// How a file is written.
#[derive(Serialize, Deserialize)]
struct Written {
    format: Format,
    encoding: Option<String>,
    delimiter: Option<Delimiter>,
}

impl LabelsFile {
    pub(super) fn of(raw: &RawCorpusFile) -> Option<Self> {
        let RawFacts { columns, rows, files, doubts, .. } = &raw.facts;
        let Columns { text, second, label } = columns.clone()?;
        let is_odd = !rows.bad().is_empty() || !doubts.is_empty();
        let labels = rows.labels().filter(|_| !is_odd)?.to_vec();
        let written = |file: &ReadFile| {
            let Manner { encoding, delimiter } = file.manner;
            Written { format: file.format, encoding: encoding.map(str::to_owned), delimiter }
        };
        Some(Self { text, second, label, files: files.iter().map(written).collect(), labels })
    }

    /// The files of `source` as they were read; nothing where this version does not know an encoding.
    pub(super) fn raw(
        self,
        source: &CorpusSource,
        states: &[FileState],
        key: u128,
    ) -> Option<RawCorpusFile> {
        let Self { text, second, label, files, labels } = self;
        if files.len() != source.files.files.len() {
            return None;
        }
        let files: Option<Vec<ReadFile>> = files
            .into_iter()
            .zip(&source.files.files)
            .map(|(Written { format, encoding, delimiter }, path)| {
                let encoding = match encoding {
                    Some(name) => Some(Encoding::for_label(name.as_bytes())?.name()),
                    None => None,
                };
                Some(ReadFile {
                    path: path.clone(),
                    format,
                    numbering: format.numbering(),
                    manner: Manner { encoding, delimiter },
                    foreign: None,
                })
            })
            .collect();
        let files = ReadFiles::from(files?);
        let facts = RawFacts {
            name: source.files.name.clone(),
            on_bad_row: source.on_bad_row,
            columns: Some(Columns { text, second, label }),
            rows: SortedRows::known(labels, BadRows::default().in_files(files.clone())),
            files,
            doubts: Vec::new(),
        };
        let (source, states) = (source.clone(), states.to_vec());
        Some(RawCorpusFile { source, facts, states, key: Some(key) })
    }
}
