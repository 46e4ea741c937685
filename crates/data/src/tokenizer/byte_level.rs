//! Byte-level BPE as RoBERTa has it, out of tokenizer.json, or of vocab.json and merges.txt.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::Model;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::TokenizerError;
use super::assembly::TokenizerParts;
use super::config::TokenizerConfig;
use super::fault::{Fault, same};
use super::framing::{Frame, Framing};
use super::pipeline::{Core, PrefixSpace};
use super::special_tokens::Family;
use super::tokens::{Found, Side};

/// The splitter of a tokenizer.json.
#[derive(Deserialize)]
struct Splitter {
    #[serde(rename = "type")]
    kind: String,
    add_prefix_space: Option<bool>,
    use_regex: Option<bool>,
}

/// The parts of a tokenizer.json that say how a text becomes tokens.
pub(super) struct Description {
    pub(super) normalizer: Value,
    pub(super) splitter: Value,
    pub(super) framing: Framing,
    pub(super) model: Map<String, Value>,
    /// The added tokens that it lists.
    pub(super) listed: Vec<Found>,
    pub(super) side: Option<Side>,
}

impl Description {
    /// The parts of RoBERTa's pipeline, if it is that.
    pub(super) fn parts(self, config: &TokenizerConfig) -> Result<TokenizerParts, Fault> {
        config.is_for(Family::Bytes)?;
        if !self.normalizer.is_null() {
            let kind = self.normalizer.get("type").and_then(Value::as_str).unwrap_or("another");
            same("normalizer", Some(kind), "null")?;
        }
        let model = model(self.model)?;
        let splitter: Option<Splitter> = serde_json::from_value(self.splitter)?;
        let kind = splitter.as_ref().map(|splitter| splitter.kind.as_str());
        same("pre_tokenizer", kind, "ByteLevel")?;
        let uses_regex = splitter.as_ref().and_then(|splitter| splitter.use_regex).unwrap_or(true);
        same("pre_tokenizer.use_regex", Some(&uses_regex.to_string()), "true")?;
        let in_file = splitter.and_then(|splitter| splitter.add_prefix_space).unwrap_or(true);
        let space = if config.decides() { config.prefix_space() } else { in_file };
        let mut added = config.added(self.listed);
        let mut special = config.special_tokens(Family::Bytes);
        let (framing, expected) = (self.framing, "<s> text </s>");
        let has_usual_pairs = config.decides() || framing.has_usual_pairs(Family::Bytes);
        Frame { config, framing, expected }.name(&mut special, &mut added)?;
        Ok(TokenizerParts {
            core: Core::Bytes(Box::new(model), PrefixSpace(space)),
            special,
            added,
            joining: config.joining().map(str::to_owned).collect(),
            side: config.side().or(self.side).unwrap_or_default(),
            splits_special: config.splits_special(),
            has_usual_pairs,
        })
    }
}

/// The BPE model that `file` describes, with a token for each byte.
fn model(mut file: Map<String, Value>) -> Result<BPE, Fault> {
    // The crate reads the type out of text only, not out of a value.
    file.remove("type");
    let (no, nothing) = (Value::Bool(false), Value::from(""));
    for (part, allowed, expected) in [
        ("model.dropout", &Value::Null, "null"),
        ("model.continuing_subword_prefix", &nothing, "an empty one"),
        ("model.end_of_word_suffix", &nothing, "an empty one"),
        ("model.fuse_unk", &no, "false"),
        ("model.byte_fallback", &no, "false"),
        ("model.ignore_merges", &no, "false"),
    ] {
        let key = part.trim_start_matches("model.");
        match file.remove(key) {
            Some(found) if !found.is_null() && found != *allowed => {
                let found = crate::excerpt::excerpt(&found.to_string());
                return Err(Fault::Foreign { part, found, expected });
            }
            _ => {}
        }
    }
    let model: BPE = serde_json::from_value(Value::Object(file))?;
    complete(&model)?;
    Ok(model)
}

/// Whether each byte has a token: a byte without one would be lost from texts.
fn complete(model: &BPE) -> Result<(), Fault> {
    let mut alphabet: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    alphabet.sort_unstable();
    let lacks = |letter: &&char| model.token_to_id(letter.encode_utf8(&mut [0; 4])).is_none();
    match alphabet.iter().find(lacks) {
        None => Ok(()),
        Some(letter) => Err(Fault::Malformed(format!(
            "its vocabulary has no token for the byte that is written as `{letter}`"
        ))),
    }
}

impl TokenizerParts {
    /// A vocabulary vocab.json at `path` with its merges.txt.
    pub(super) fn of_merges(
        path: &Path,
        vocabulary: &[u8],
        merges: &[u8],
        config: &TokenizerConfig,
    ) -> Result<Self, TokenizerError> {
        let read = || {
            config.is_for(Family::Bytes)?;
            let vocabulary: Value = serde_json::from_slice(vocabulary)?;
            let merges = std::str::from_utf8(merges)
                .map_err(|error| Fault::Malformed(format!("merges.txt: {error}")))?;
            let lines =
                merges.lines().filter(|line| !line.is_empty() && !line.starts_with("#version"));
            let mut file = Map::new();
            file.insert("vocab".to_owned(), vocabulary);
            file.insert("merges".to_owned(), lines.map(Value::from).collect());
            model(file)
        };
        let model = read().map_err(|fault| fault.at(path))?;
        Ok(Self {
            core: Core::Bytes(Box::new(model), PrefixSpace(config.prefix_space())),
            special: config.special_tokens(Family::Bytes),
            added: config.added(Vec::new()),
            joining: config.joining().map(str::to_owned).collect(),
            side: config.side().unwrap_or_default(),
            splits_special: config.splits_special(),
            has_usual_pairs: true,
        })
    }
}
