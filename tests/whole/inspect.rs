//! `trainer inspect` on real data, compared with counts that another program made.

use std::collections::{HashMap, HashSet};
use std::fs;

use lockstep_testkit::real;
use serde_json::Value;

use crate::program::Workplace;

/// The text and the label of each row under the header.
fn rows(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().skip(1).map(|line| line.split_once('\t').unwrap())
}

#[test]
fn the_counts_of_sst_2_are_those_of_its_rows() {
    let names = ["models/minilm-distilbert", "data/sst2/train-phrases.tsv", "data/sst2/dev.tsv"];
    let [Some(model), Some(train), Some(dev)] = names.map(real) else {
        return;
    };
    let words = ["inspect", "--json", "--model", &model.display().to_string()].map(str::to_owned);
    let files = [&train, &dev].map(|path| path.display().to_string());
    let words: Vec<&str> = words.iter().chain(&files).map(String::as_str).collect();
    let found = Workplace::new().succeed(&words).stdout;
    let found: Value = serde_json::from_slice(&found).unwrap();
    let texts = [&train, &dev].map(|path| fs::read_to_string(path).unwrap());
    let mut labels: HashMap<&str, HashSet<&str>> = HashMap::new();
    rows(&texts[0]).for_each(|(text, label)| {
        labels.entry(text).or_default().insert(label);
    });
    let count = rows(&texts[0]).count();
    let file = &found["files"][0];
    assert_eq!(file["rows"], count);
    assert_eq!(file["repeated_rows"], count - labels.len());
    assert_eq!(file["conflicting_texts"], labels.values().filter(|all| all.len() > 1).count());
    assert_eq!(file["tokens"]["truncated"], 0);
    let overlap = rows(&texts[1]).filter(|(text, _)| labels.contains_key(text)).count();
    assert_eq!(found["files"][1]["overlap"], overlap);
    // What Python counted in the file of 67,349 phrases.
    if count == 67_349 {
        assert_eq!((&file["repeated_rows"], &file["conflicting_texts"]), (&371.into(), &5.into()));
    }
}
