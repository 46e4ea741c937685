#!/usr/bin/env bash
# A model of Hugging Face's tokenizers can be read from JSON text, and not from the same JSON as a value.
#
# tokenizers 0.23.2 with serde_json 1 (crates.io), seen on 2026-11-28. The model of a tokenizer.json says what it is by
# `"type"`. `serde_json::from_str` reads it; `serde_json::from_value` of the same object fails with "expected a borrowed
# string", for BPE and for WordPiece. Without `type` it is read. A program that takes the model out of a tokenizer.json as a
# value has to remove `type` first, or to write the value as text again.
#
# Needs Rust. Prints what was found, and exits with 1 when a later version behaves differently from this description.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "shown"
version = "0.0.0"
edition = "2021"

[dependencies]
serde_json = "1"
tokenizers = { version = "=0.23.2", default-features = false, features = ["fancy-regex"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use serde_json::Value;
use tokenizers::models::{bpe::BPE, wordpiece::WordPiece};

const BYTES: &str = r#"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}"#;
const WORDS: &str = r###"{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1}}"###;

fn said<T>(read: serde_json::Result<T>) -> String {
    read.map_or_else(|error| error.to_string(), |_| "read".to_owned())
}

fn main() {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    println!("BPE text: {}", said(serde_json::from_str::<BPE>(BYTES)));
    println!("BPE value: {}", said(serde_json::from_value::<BPE>(value(BYTES))));
    let mut without = value(BYTES);
    without.as_object_mut().unwrap().remove("type");
    println!("BPE value without type: {}", said(serde_json::from_value::<BPE>(without)));
    println!("WordPiece text: {}", said(serde_json::from_str::<WordPiece>(WORDS)));
    println!("WordPiece value: {}", said(serde_json::from_value::<WordPiece>(value(WORDS))));
}
RUST
cargo run --quiet --manifest-path "$work/Cargo.toml" --target-dir "$work/target" | tee "$work/seen"

# Output seen:
# BPE text: read
# BPE value: invalid type: string "BPE", expected a borrowed string
# BPE value without type: read
# WordPiece text: read
# WordPiece value: invalid type: string "WordPiece", expected a borrowed string

[[ $(grep -c ': read$' "$work/seen") == 3 && $(grep -c 'expected a borrowed string$' "$work/seen") == 2 ]] || {
    echo "models are read from values now, or differently from text" >&2
    exit 1
}
echo "as described: both models are read from text, and neither from a value with its type"
