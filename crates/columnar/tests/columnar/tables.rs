//! Files that pandas, polars, pyarrow and `datasets` wrote, and damaged copies of them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use lockstep_columnar::{ColumnarError, ColumnarFormat, ColumnarTable};
use proptest::prelude::*;
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn layout(name: &str) -> ColumnarFormat {
    if name.ends_with(".parquet") { ColumnarFormat::Parquet } else { ColumnarFormat::Arrow }
}

fn rows(file: File, layout: ColumnarFormat) -> Result<Vec<Vec<Value>>, ColumnarError> {
    let mut table = ColumnarTable::open(file, layout)?;
    let names = table.names();
    let places = ["label", "text"].map(|name| names.iter().position(|found| found == name));
    table.select(&places.into_iter().flatten().collect::<Vec<_>>())?;
    let mut rows = Vec::new();
    while let Some(row) = table.next()? {
        rows.push(row);
    }
    Ok(rows)
}

#[test]
fn what_each_library_writes_is_read() {
    let check = |name: &str, labels: [Value; 5]| {
        let texts = [
            json!("a warm day"),
            json!("dull, and “long”"),
            json!("two\nlines"),
            Value::Null,
            json!("Grüße"),
        ];
        let expected: Vec<Vec<Value>> =
            labels.into_iter().zip(texts).map(|(label, text)| vec![label, text]).collect();
        let found = rows(File::open(fixture(name)).unwrap(), layout(name)).unwrap();
        assert_eq!(found, expected, "{name}");
    };
    for name in [
        "pandas.parquet",
        "polars.parquet",
        "pandas.feather",
        "polars.arrow",
        "delta.parquet",
        "delta_length.parquet",
    ] {
        check(name, [1, 0, 1, 0, 1].map(Value::from));
    }
    check("category.parquet", [1, 0, 1, 0, 1].map(Value::from));
    for name in ["datasets.parquet", "datasets.arrow"] {
        check(name, [json!("pos"), json!("neg"), json!("pos"), json!("neg"), json!(-1)]);
    }
    for name in ["lz4.parquet", "zstd.parquet"] {
        check(name, [true, false, true, false, true].map(Value::from));
    }
}

#[test]
fn a_column_of_lists_is_refused_only_where_it_is_selected() {
    let mut table =
        ColumnarTable::open(File::open(fixture("lz4.parquet")).unwrap(), ColumnarFormat::Parquet)
            .unwrap();
    assert_eq!(table.names(), ["text", "label", "vector"]);
    let fault = table.select(&[2]).unwrap_err().to_string();
    assert_eq!(
        fault,
        "the column `vector` holds values of the type List; strings, integers, booleans and floats \
         are read"
    );
}

/// What is left of a damaged copy of a fixture: rows or an error, but no panic.
fn damaged(
    name: &str,
    damage: impl FnOnce(&mut Vec<u8>),
) -> Result<Vec<Vec<Value>>, ColumnarError> {
    let mut bytes = fs::read(fixture(name)).unwrap();
    damage(&mut bytes);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    rows(file, layout(name))
}

const ALL: [&str; 9] = [
    "delta.parquet",
    "delta_length.parquet",
    "pandas.parquet",
    "category.parquet",
    "polars.parquet",
    "zstd.parquet",
    "pandas.feather",
    "polars.arrow",
    "datasets.arrow",
];

#[test]
fn a_file_that_was_cut_short_is_an_error() {
    for name in ALL {
        let length = fs::read(fixture(name)).unwrap().len();
        for cut in [0, 1, 7, length / 2, length - 9] {
            assert!(damaged(name, |bytes| bytes.truncate(cut)).is_err(), "{name} cut at {cut}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_change_of_bytes_brings_the_process_down(
        file in 0..ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let outcome = damaged(ALL[file], |bytes| {
            for (place, byte) in &changes {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
        });
        if let Err(error) = outcome {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
