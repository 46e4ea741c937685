//! One table in every format gives the same examples and the same texts.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use lockstep_data::{Corpus, CorpusSource, DataError, Labels, OnBadRow, TextReader, TextSource};
use serde_json::json;

const ROWS: [(&str, u32); 4] =
    [("a warm day", 1), ("dull, and \"long\"", 0), ("Grüße; 😀 | and more", 1), ("no", 0)];

fn read(path: &Path) -> Result<Corpus, DataError> {
    let source = CorpusSource::from(path.to_owned());
    Corpus::read(&source, Labels::Infer)
}

fn separated(delimiter: char) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let rows = ROWS.iter().map(|(text, label)| format!("{}{delimiter}{label}\n", quoted(text)));
    format!("text{delimiter}label\n") + &rows.collect::<String>()
}

fn gzip(text: &str) -> Vec<u8> {
    let halves = text.split_at(text.len() / 2 - text.len() / 2 % 2);
    let member = |half: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(half.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    [member(halves.0), member(halves.1)].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The table in each format, by the name of its file.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let tsv: String = ROWS.iter().map(|(text, label)| format!("{text}\t{label}\n")).collect();
    let tsv = format!("text\tlabel\n{tsv}");
    let objects = ROWS.map(|(text, label)| json!({"text": text, "label": label}));
    let jsonl: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let columns = json!({"text": ROWS.map(|row| row.0), "label": ROWS.map(|row| row.1)});
    let zst = |text: &str| zstd::encode_all(text.as_bytes(), 3).unwrap();
    vec![
        ("a.tsv", tsv.clone().into_bytes()),
        ("a.csv", separated(',').into_bytes()),
        ("a.csv.gz", gzip(&separated(','))),
        ("named-plain.csv", gzip(&separated(','))),
        ("a.jsonl", jsonl.clone().into_bytes()),
        ("a.ndjson", jsonl.clone().into_bytes()),
        ("a.jsonl.zst", [zst(&jsonl[..20]), zst(&jsonl[20..])].concat()),
        ("array.json", json!(objects).to_string().into_bytes()),
        ("array.json.gz", gzip(&json!(objects).to_string())),
        ("pretty.json", serde_json::to_vec_pretty(&json!(objects)).unwrap()),
        ("columns.json", columns.to_string().into_bytes()),
        ("lines.json", jsonl.into_bytes()),
        ("semicolons.csv", separated(';').into_bytes()),
        ("bars.csv", separated('|').into_bytes()),
        ("tabs.csv", separated('\t').into_bytes()),
        ("commas.tsv", separated(',').into_bytes()),
        ("unicode-text.tsv", utf16(&tsv)),
        ("utf16-semicolons.csv", utf16(&separated(';'))),
    ]
}

fn texts(path: &Path) -> Vec<String> {
    let source = TextSource::from(path.to_owned());
    TextReader::open(source).unwrap().map(|row| row.unwrap().text.unwrap()).collect()
}

#[test]
fn one_table_gives_equal_examples_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files() {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let corpus = read(&path).unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<(&str, u32)> = corpus.texts_and_labels().collect();
        assert_eq!(found, ROWS, "{name}");
        assert_eq!(corpus.labels().names(), ["0", "1"], "{name}");
        assert_eq!(texts(&path), ROWS.map(|row| row.0), "{name}");
    }
}

#[test]
fn parquet_and_arrow_give_the_examples_of_their_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../columnar/tests/fixtures");
    let expected = ["a warm day", "dull, and “long”", "two\nlines", "Grüße"];
    let check = |name: &str, names: &[&str]| {
        let path = folder.join(name);
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.contains("1 of 5 rows cannot be used\n  row 4: the text is missing")
                || error.contains("2 of 5 rows cannot be used\n  row 4: the text is missing"),
            "{error}"
        );
        let source = CorpusSource { on_bad_row: OnBadRow::Skip, ..path.clone().into() };
        let corpus = Corpus::read(&source, Labels::Infer).unwrap();
        assert_eq!(corpus.labels().names(), names, "{name}");
        let found: Vec<(&str, u32)> = corpus.texts_and_labels().collect();
        let rows: Vec<(&str, u32)> = expected.into_iter().zip([1, 0, 1, 1]).collect();
        assert_eq!(found, rows[..found.len()], "{name}");
        assert!(found.len() >= 3, "{name}");
    };
    for name in ["pandas.parquet", "category.parquet", "polars.parquet", "pandas.feather"] {
        check(name, &["0", "1"]);
    }
    for name in ["datasets.parquet", "datasets.arrow"] {
        check(name, &["neg", "pos"]);
    }
    check("lz4.parquet", &["false", "true"]);
}

#[test]
fn the_manner_is_told_where_the_name_does_not_say_it() {
    let folder = tempfile::tempdir().unwrap();
    let told = |name: &str| {
        let path: PathBuf = folder.path().join(name);
        let content = files().into_iter().find(|(found, _)| *found == name).unwrap().1;
        fs::write(&path, content).unwrap();
        read(&path).unwrap().manner().to_string()
    };
    assert_eq!(told("a.csv"), "");
    assert_eq!(told("semicolons.csv"), "cells separated by \";\"");
    assert_eq!(told("tabs.csv"), "cells separated by tabs");
    assert_eq!(told("unicode-text.tsv"), "UTF-16LE");
    assert_eq!(told("utf16-semicolons.csv"), "UTF-16LE, cells separated by \";\"");
}

#[test]
fn a_delimiter_is_not_guessed_between_two() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "text;label;x|text|label\na;1;b|c|2\n").unwrap();
    assert!(matches!(read(&path), Err(DataError::Column { .. })));
}

#[test]
fn a_file_that_was_cut_short_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, said: &str| {
        let path = folder.path().join(name);
        let content = files().into_iter().find(|(found, _)| *found == name).unwrap().1;
        fs::write(&path, &content[..content.len() - 3]).unwrap();
        let error = read(&path).unwrap_err().to_string();
        let first = error.lines().next().unwrap();
        assert_eq!(first, format!("{}: {said}", path.display()));
    };
    check(
        "a.csv.gz",
        "cannot be read at line 6: its gzip data end too early, so the file was cut short",
    );
    check(
        "a.jsonl.zst",
        "cannot be read at line 1: its zstd data end too early, so the file was cut short",
    );
    check(
        "array.json",
        "cannot be read at row 4: its JSON array has no end, so the file was cut short",
    );
}

#[test]
fn a_bomb_costs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.txt.gz");
    let mut encoder = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::best());
    let zeros = vec![b'a'; 1 << 20];
    for _ in 0..200 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.write_all(b"\na warm day\n").unwrap();
    encoder.finish().unwrap();
    let source = TextSource::from(path);
    let rows: Vec<_> =
        TextReader::open(source).unwrap().map(|row| row.unwrap().text.ok()).collect();
    assert_eq!(rows, [None, Some("a warm day".to_owned())]);
}
