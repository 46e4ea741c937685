//! Token numbers against Hugging Face's, with a small vocabulary of our own.
//!
//! `golden/tokenizer.py` made the numbers. A tokenizer is also saved and read back, because what
//! Python reads from a finished model is what was saved.

use std::fs;
use std::path::Path;

use lockstep_data::{MaxLength, Tokenizer};
use serde_json::Value;

const GOLDEN: &str = include_str!("golden/tokenizer.json");
const VOCABULARY: &str = include_str!("golden/vocab.txt");

fn check(tokenizer: &Tokenizer, golden: &Value, variant: &Value) {
    let texts = golden["texts"].as_array().unwrap();
    for (length, all) in variant["ids"].as_object().unwrap() {
        let max = MaxLength::new(length.parse().unwrap()).unwrap();
        for (text, ids) in texts.iter().zip(all.as_array().unwrap()) {
            let expected: Vec<u32> = serde_json::from_value(ids.clone()).unwrap();
            let encoded = tokenizer.encode(text.as_str().unwrap(), max).unwrap();
            assert_eq!(encoded.ids, expected, "{text} at {length} with {}", variant["config"]);
        }
    }
}

#[test]
fn ids_are_those_of_hugging_face() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let variants = golden["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 4);
    for variant in variants {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("vocab.txt", VOCABULARY);
        write("tokenizer_config.json", &variant["config"].to_string());
        let tokenizer = Tokenizer::from_dir(folder.path()).unwrap();
        check(&tokenizer, &golden, variant);
        check_saved(&tokenizer, &golden, variant);
    }
}

/// Each file that is saved tells the same tokenizer, with and without its neighbours.
fn check_saved(tokenizer: &Tokenizer, golden: &Value, variant: &Value) {
    let folder = tempfile::tempdir().unwrap();
    tokenizer.save(folder.path(), 64).unwrap();
    let read = || Tokenizer::from_dir(folder.path()).unwrap();
    let remove = |name: &str| fs::remove_file(folder.path().join(name)).unwrap();
    check(&read(), golden, variant);
    assert_eq!(read().vocab_size(), VOCABULARY.lines().count());
    let json = fs::read(folder.path().join("tokenizer.json")).unwrap();
    remove("tokenizer.json");
    check(&read(), golden, variant);
    assert_eq!(read().vocab_size(), VOCABULARY.lines().count());
    remove("tokenizer_config.json");
    fs::write(folder.path().join("tokenizer.json"), json).unwrap();
    check(&read(), golden, variant);
}

#[test]
fn truncation_is_told() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(golden.join("vocab.txt"), folder.path().join("vocab.txt")).unwrap();
    let tokenizer = Tokenizer::from_dir(folder.path()).unwrap();
    let max = MaxLength::new(8).unwrap();
    let check = |words: usize, truncated: bool| {
        let encoded = tokenizer.encode(&"the ".repeat(words), max).unwrap();
        assert_eq!((encoded.ids.len(), encoded.truncated), ((words + 2).min(8), truncated));
    };
    check(0, false);
    check(6, false);
    check(7, true);
    assert_eq!(MaxLength::new(2), None);
    assert_eq!(MaxLength::new(65_537), None);
}

#[test]
fn training_is_repeatable_and_finds_the_frequent_words() {
    let texts = ["The film is good!", "the film was bad", "a good, good film", "unseen: ÄÖ"];
    let train = |size: usize| Tokenizer::train_wordpiece(texts, size).unwrap();
    let ids = |tokenizer: &Tokenizer, text: &str| {
        tokenizer.encode(text, MaxLength::new(16).unwrap()).unwrap().ids
    };
    let tokenizer = train(1_000);
    assert_eq!(ids(&tokenizer, "the film").len(), 4, "frequent words are one token each");
    assert_eq!(ids(&tokenizer, "zzz"), [2, 1, 3], "an unknown character is [UNK]");
    assert_eq!(ids(&tokenizer, "good"), ids(&train(1_000), "GOOD"));
    let saved = |tokenizer: &Tokenizer| {
        let folder = tempfile::tempdir().unwrap();
        tokenizer.save(folder.path(), 64).unwrap();
        fs::read_to_string(folder.path().join("vocab.txt")).unwrap()
    };
    assert_eq!(saved(&tokenizer), saved(&train(1_000)));
    let alphabet = train(0).vocab_size();
    assert_eq!(saved(&train(alphabet + 7)).lines().count(), alphabet + 7);
    assert!(saved(&tokenizer).starts_with(&saved(&train(alphabet + 7))));
    assert_eq!(Tokenizer::train_wordpiece([""; 0], 100).unwrap().vocab_size(), 5);
}
