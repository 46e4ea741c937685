//! The files of a tokenizer, with a border between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_data::{MaxLength, Tokenizer};

const NAMES: [&str; 7] = [
    "tokenizer.json",
    "vocab.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
];
const TEXT: &str = "Ein schöner Tag, 天气很好! [MASK] unaffable\u{0}\u{301} [SEP]";

fuzz_target!(|bytes: &[u8]| {
    let directory = lockstep_fuzz::files(&NAMES, bytes);
    let _ = Tokenizer::model_max_length(&directory).map_err(|error| error.to_string());
    let tokenizer = match Tokenizer::from_dir(&directory) {
        Ok(tokenizer) => tokenizer,
        Err(error) => return drop(error.to_string()),
    };
    let length = MaxLength::new(16).expect("a length that is allowed");
    if let Ok(encoded) = tokenizer.encode(TEXT, length) {
        assert!(encoded.ids.len() <= 16);
        assert!(encoded.ids.iter().all(|id| (*id as usize) < tokenizer.vocab_size()));
    }
});
