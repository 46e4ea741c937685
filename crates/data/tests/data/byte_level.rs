//! Byte-level BPE: token numbers against those of transformers, and messages about what is not that.
//!
//! `golden/byte_level.py` made the numbers. Each tokenizer is also saved and read back.

use std::fs;
use std::path::Path;

use expect_test::expect;
use lockstep_data::{MaxLength, Tokenizer};
use serde_json::{Value, json};

const GOLDEN: &str = include_str!("golden/byte_level.json");

fn golden() -> Value {
    serde_json::from_str(GOLDEN).unwrap()
}

/// The tokenizer.json of the first variant.
fn whole(golden: &Value) -> Value {
    serde_json::from_str(golden["variants"][0]["files"]["tokenizer.json"].as_str().unwrap())
        .unwrap()
}

/// The files of a variant in a folder.
fn lay(folder: &Path, golden: &Value, variant: &Value) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    if variant["has_json"] == json!(false) {
        for name in ["vocab.json", "merges.txt"] {
            write(name, golden[name].as_str().unwrap());
        }
    }
    for (name, content) in variant["files"].as_object().unwrap() {
        let mut file = whole(golden);
        match content {
            Value::String(text) => write(name, text),
            parts => {
                file.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
                write(name, &file.to_string());
            }
        }
    }
}

fn check_ids(tokenizer: &Tokenizer, golden: &Value, ids: &Value, place: &str) {
    let texts = golden["texts"].as_array().unwrap();
    for (length, all) in ids.as_object().unwrap() {
        let max = MaxLength::new(length.parse().unwrap()).unwrap();
        for (text, ids) in texts.iter().zip(all.as_array().unwrap()) {
            let expected: Vec<u32> = serde_json::from_value(ids.clone()).unwrap();
            let encoded = tokenizer.encode(text.as_str().unwrap(), max).unwrap();
            assert_eq!(encoded.ids, expected, "{place}: {text} at {length}");
        }
    }
}

#[test]
fn ids_are_those_of_transformers_and_what_is_saved_gives_them_again() {
    let golden = golden();
    let variants = golden["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 12);
    for variant in variants {
        let case = variant["case"].as_str().unwrap();
        let ids = match &variant["ids"] {
            Value::String(other) => {
                &variants.iter().find(|variant| variant["case"] == **other).unwrap()["ids"]
            }
            ids => ids,
        };
        let folder = tempfile::tempdir().unwrap();
        lay(folder.path(), &golden, variant);
        let tokenizer = Tokenizer::from_dir(folder.path()).unwrap();
        check_ids(&tokenizer, &golden, ids, case);
        assert_eq!(tokenizer.vocab_size(), 421);
        let saved = tempfile::tempdir().unwrap();
        tokenizer.save(saved.path(), 512).unwrap();
        let again = Tokenizer::from_dir(saved.path()).unwrap();
        check_ids(&again, &golden, ids, &format!("{case}, saved"));
        fs::remove_file(saved.path().join("tokenizer.json")).unwrap();
        assert_eq!(Tokenizer::from_dir(saved.path()).unwrap().vocab_size(), 421);
    }
}

/// A tokenizer.json with another value at `pointer`, and a class in tokenizer_config.json.
fn told(pointer: &str, value: Value, class: Option<&str>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut file = whole(&golden());
    *file.pointer_mut(pointer).unwrap() = value;
    fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
    if let Some(class) = class {
        let text = json!({"tokenizer_class": class}).to_string();
        fs::write(folder.path().join("tokenizer_config.json"), text).unwrap();
    }
    match Tokenizer::from_dir(folder.path()) {
        Ok(tokenizer) => format!("read: {} tokens", tokenizer.vocab_size()),
        Err(error) => {
            let text = error.to_string().replace(&folder.path().display().to_string(), "model");
            text.lines().next().unwrap().to_owned() + "\n"
        }
    }
}

#[test]
fn another_pipeline_is_refused_with_the_part_that_differs() {
    let cases = [
        ("/version", json!("1.0"), None),
        ("/normalizer", json!({"type": "NFC"}), None),
        ("/pre_tokenizer", json!(null), None),
        ("/pre_tokenizer", json!({"type": "Metaspace"}), None),
        ("/pre_tokenizer/use_regex", json!(false), None),
        ("/post_processor", json!(null), None),
        ("/post_processor", json!({"type": "ByteLevel"}), None),
        ("/model/dropout", json!(0.1), None),
        ("/model/byte_fallback", json!(true), None),
        ("/model/ignore_merges", json!(true), None),
        ("/model/continuing_subword_prefix", json!("é"), None),
        ("/model/end_of_word_suffix", json!("</w>"), None),
        ("/model/type", json!("Unigram"), None),
        ("/model/merges/0", json!(["nowhere", "e"]), None),
        ("/model/vocab/!", json!(5_000_000), None),
        ("/post_processor/cls/1", json!(7), None),
        ("/version", json!("1.0"), Some("BertTokenizer")),
        ("/version", json!("1.0"), Some("GPT2Tokenizer")),
    ];
    let all: String = cases.into_iter().map(|(at, value, class)| told(at, value, class)).collect();
    expect![[r#""#]].assert_eq(&all);
}

#[test]
fn a_vocabulary_without_a_byte_or_without_merges_is_refused() {
    let mut file = whole(&golden());
    file["model"]["merges"] = json!([]);
    file["model"]["vocab"].as_object_mut().unwrap().remove("q");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
    let error = Tokenizer::from_dir(folder.path()).unwrap_err().to_string();
    assert!(error.contains("no token for the byte that is written as `q`"), "{error}");
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    fs::write(folder.path().join("vocab.json"), "{}").unwrap();
    let error = Tokenizer::from_dir(folder.path()).unwrap_err().to_string();
    assert!(error.contains("nor vocab.json with merges.txt"), "{error}");
}
