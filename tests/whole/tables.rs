//! One table in every format gives the same run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::Workplace;

/// The table as pandas, polars and `datasets` write it; made by `tests/reference/tables.py`.
fn tables() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole/tables");
    let mut tables: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    tables.sort();
    tables
}

#[test]
fn one_table_trains_the_same_bits_in_every_format() {
    let place = Workplace::new();
    let mut first: Option<(Vec<u8>, Vec<u8>)> = None;
    let tables = tables();
    assert_eq!(tables.len(), 11);
    for table in tables {
        let table = table.display().to_string();
        let train = ["train", "--model", "builtin:tiny", "--device", "cpu", "--max-steps", "3"];
        let files = ["--train-file", &table, "--output-dir", "out", "--overwrite-output-dir"];
        place.succeed(&[&train[..], &files].concat());
        let weights = fs::read(place.path("out/model.safetensors")).unwrap();
        let answers = place.succeed(&["predict", "--checkpoint", "out", "--input", &table]).stdout;
        // The names of the classes and the lines differ, the probabilities do not.
        let answers = String::from_utf8(answers).unwrap();
        let cells = |line: &str| line.split('\t').skip(2).collect::<Vec<_>>().join("\t");
        let answers: Vec<String> = answers.lines().skip(1).map(cells).collect();
        assert_eq!(answers.len(), 8, "{table}");
        let found = (weights, answers.join("\n").into_bytes());
        match &first {
            None => first = Some(found),
            Some(first) => assert!(*first == found, "{table} gives other bits"),
        }
    }
}
