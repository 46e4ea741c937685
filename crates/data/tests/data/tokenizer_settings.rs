//! Every setting that transformers 5 reads from a tokenizer's files: the same token numbers, or a refusal.
//!
//! `tests/reference/settings.py` made the numbers; its head says what the cases mean.

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_data::{MaxLength, Tokenizer};
use serde_json::{Map, Value};

const GOLDEN: &str = include_str!("../../../../tests/reference/golden/settings.jsonl");

/// What is refused, where Python continues with numbers that no such model was trained with, and a part of
/// the message.
const REFUSED: [(&str, &str); 7] = [
    ("tokenizer_class: RobertaTokenizer", "its tokenizer_class is `RobertaTokenizer`"),
    (
        "tokenizer_class: BertJapaneseTokenizer, vocab.txt",
        "its tokenizer_class is `BertJapaneseTokenizer`",
    ),
    ("config.json, another tokenizer_class", "its tokenizer_class is `RobertaTokenizer`"),
    ("truncation_side: middle", "its truncation_side is `middle`"),
    ("added_tokens.json, another id", "`[E1]` is listed with the token id 300"),
    ("added_tokens.json, letters", "`horse` is listed with the token id 298"),
    ("added_tokens in tokenizer.json, not special", "`horse` is listed with the token id 297"),
];

/// Where we differ: tokenizer.json says how the model was trained, and Python's defaults do not. The
/// numbers are those of the second case.
const DIFFERENT: (&str, &str) =
    ("normalizer.lowercase: false, no configuration", "do_lower_case: false");

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny")
}

/// Sets keys of a file as the Python program does.
fn change(folder: &Path, file: &str, keys: &Value) {
    let path = folder.join(file);
    let Some(keys) = keys.as_object() else {
        fs::remove_file(&path).unwrap();
        return;
    };
    let written = fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
    let mut content: Value = serde_json::from_str(&written).unwrap();
    for (key, value) in keys {
        let is_path = file == "tokenizer.json";
        let (outer, last) = match key.rsplit_once('.').filter(|_| is_path) {
            Some((outer, last)) => (format!("/{}", outer.replace('.', "/")), last),
            None => (String::new(), key.as_str()),
        };
        let place = content.pointer_mut(&outer).and_then(Value::as_object_mut).unwrap();
        match value {
            Value::Null => place.remove(last),
            value => place.insert(last.to_owned(), value.clone()),
        };
    }
    fs::write(&path, content.to_string()).unwrap();
}

fn read(changes: &Map<String, Value>) -> Result<Tokenizer, String> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"] {
        fs::copy(tiny().join(file), folder.path().join(file)).unwrap();
    }
    changes.iter().for_each(|(file, keys)| change(folder.path(), file, keys));
    let tokenizer = Tokenizer::from_dir(folder.path()).map_err(|error| error.to_string())?;
    // What is saved is what Python reads, so it has to say the same.
    let saved = tempfile::tempdir().unwrap();
    tokenizer.save(saved.path(), 128).unwrap();
    let again = Tokenizer::from_dir(saved.path()).map_err(|error| error.to_string())?;
    assert_eq!(again.vocab_size(), tokenizer.vocab_size());
    Ok(again)
}

#[test]
fn every_setting_is_used_or_refused() {
    let lines: Vec<Value> =
        GOLDEN.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (head, lines) = lines.split_first().unwrap();
    let limit = head["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap();
    let limit = MaxLength::new(limit).unwrap();
    let (mut cases, mut faults) = (0, Vec::new());
    for line in lines {
        let case = line["case"].as_str().unwrap();
        cases += 1;
        let refused = REFUSED.iter().find(|(name, _)| *name == case);
        let found = match (read(line["changes"].as_object().unwrap()), refused) {
            (Err(error), Some((_, part))) if error.contains(part) => continue,
            (Err(error), _) => error,
            (Ok(_), Some(_)) => "read".to_owned(),
            (Ok(tokenizer), None) => {
                let encode =
                    |text: &Value| tokenizer.encode(text.as_str().unwrap(), limit).unwrap().ids;
                let ids: Vec<_> = head["texts"].as_array().unwrap().iter().map(encode).collect();
                let of = if case == DIFFERENT.0 { DIFFERENT.1 } else { case };
                let expected = &lines.iter().find(|line| line["case"] == of).unwrap()["ids"];
                if *expected == serde_json::json!(ids) {
                    continue;
                }
                format!("{ids:?} instead of {expected}")
            }
        };
        faults.push(format!("{case}: {found}"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(cases, 75);
}
