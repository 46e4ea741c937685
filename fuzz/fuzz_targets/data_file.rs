//! A file of texts or examples, in each format: to train on, and as a stream to answer. The first
//! byte chooses format and reading.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;

use lockstep_data::{ColumnChoice, Corpus, CorpusSource, Format, Labels, OnBadRow, TextReader, TextSource};

const FORMATS: [(&str, Format); 8] = [
    ("x.csv", Format::Csv),
    ("x.tsv", Format::Tsv),
    ("x.jsonl", Format::Jsonl),
    ("x.txt", Format::Plain),
    ("x.json", Format::Json),
    ("x.csv.gz", Format::Csv),
    ("x.parquet", Format::Parquet),
    ("x.arrow", Format::Arrow),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let (name, format) = FORMATS[usize::from((choice & 3) | ((choice >> 3) & 4))];
    let column = || match choice & 4 {
        0 => ColumnChoice::default(),
        _ => ColumnChoice::from(Some("text".to_owned())),
    };
    let source = CorpusSource {
        text_column: column(),
        on_bad_row: if choice & 8 == 0 { OnBadRow::Skip } else { OnBadRow::Fail },
        ..lockstep_fuzz::file(name, bytes).into()
    };
    match Corpus::read(&source, Labels::Infer) {
        Ok(corpus) => {
            corpus.doubts().iter().for_each(|doubt| drop(doubt.to_string()));
            let _ = Corpus::read(&source, Labels::Known(corpus.labels()));
        }
        Err(error) => drop((error.to_string(), error.remedy())),
    }
    let format = (choice & 16 == 0).then_some(format);
    let source = TextSource { format, text_column: column(), ..PathBuf::from("standard input").into() };
    match TextReader::new(bytes, source) {
        Ok(mut reader) => {
            // A reader that does not come to its end would be a timeout.
            reader.by_ref().for_each(|row| drop(row.map_err(|error| error.to_string())));
            reader.doubts().iter().for_each(|doubt| drop(doubt.to_string()));
        }
        Err(error) => drop((error.to_string(), error.remedy())),
    }
});
