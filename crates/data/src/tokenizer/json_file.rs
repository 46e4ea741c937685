//! tokenizer.json, read for the parts of BERT's pipeline and checked to hold no others.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;

use super::TokenizerError;
use super::assembly::TokenizerParts;
use super::byte_level::Description;
use super::config::TokenizerConfig;
use super::fault::{Fault, same};
use super::framing::{Frame, Framing};
use super::pipeline::Core;
use super::special_tokens::Family;
use super::tokens::{Found, Side, TokenFile};

#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<TokenFile>,
    truncation: Option<Truncation>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    post_processor: Option<Framing>,
    model: Map<String, Value>,
}

#[derive(Deserialize)]
struct Truncation {
    direction: Option<String>,
}

#[derive(Deserialize)]
struct NormalizerFile {
    #[serde(rename = "type")]
    kind: String,
    clean_text: Option<bool>,
    handle_chinese_chars: Option<bool>,
    strip_accents: Option<bool>,
    lowercase: Option<bool>,
}

#[derive(Deserialize)]
struct Tagged {
    #[serde(rename = "type")]
    kind: String,
}

/// The parts that the tokenizer.json at `path` holds.
pub(super) fn parts(
    path: &Path,
    bytes: &[u8],
    config: &TokenizerConfig,
) -> Result<TokenizerParts, TokenizerError> {
    let file: Result<TokenizerFile, _> = serde_json::from_slice(bytes);
    file.map_err(Fault::from).and_then(|file| file.parts(config)).map_err(|fault| fault.at(path))
}

impl TokenizerFile {
    fn parts(self, config: &TokenizerConfig) -> Result<TokenizerParts, Fault> {
        let direction = self.truncation.and_then(|truncation| truncation.direction);
        let side = direction.and_then(|direction| Side::of(&direction));
        let listed: Option<Vec<Found>> =
            self.added_tokens.into_iter().map(TokenFile::numbered).collect();
        let listed = listed.ok_or_else(|| Fault::Malformed("an added token has no `id`".into()));
        let framing = self.post_processor.unwrap_or(Framing::Missing);
        let (normalizer, splitter, model) = (self.normalizer, self.pre_tokenizer, self.model);
        if model.get("type").is_some_and(|kind| kind == "BPE") {
            let listed = listed?;
            return Description { normalizer, splitter, framing, model, listed, side }
                .parts(config);
        }
        config.is_for(Family::Words)?;
        let mut model = word_piece(model)?;
        let splitter: Option<Tagged> = serde_json::from_value(splitter)?;
        let splitter = splitter.map(|tagged| tagged.kind);
        same("pre_tokenizer", splitter.as_deref(), "BertPreTokenizer")?;
        let normalizer: Option<NormalizerFile> = serde_json::from_value(normalizer)?;
        let kind = normalizer.as_ref().map(|normalizer| normalizer.kind.as_str());
        same("normalizer", kind, "BertNormalizer")?;
        let normalizer = match normalizer {
            Some(normalizer) if !config.normalizes() => normalizer.build(),
            _ => config.normalizer(),
        };
        let listed = listed?;
        let mut added = config.added(listed);
        let mut special = config.special_tokens(Family::Words);
        let given = |key| config.given(key).filter(|_| config.decides()).map(str::to_owned);
        model.unk_token = given("unk_token").unwrap_or(model.unk_token);
        special.unk.clone_from(&model.unk_token);
        let has_usual_pairs = config.decides() || framing.has_usual_pairs(Family::Words);
        Frame { config, framing, expected: "[CLS] text [SEP]" }.name(&mut special, &mut added)?;
        let side = config.side().or(side).unwrap_or_default();
        let joining = config.joining().map(str::to_owned).collect();
        let splits_special = config.splits_special();
        let core = Core::Words(Box::new((model, normalizer)));
        Ok(TokenizerParts { core, special, added, joining, side, splits_special, has_usual_pairs })
    }
}

impl NormalizerFile {
    fn build(self) -> BertNormalizer {
        BertNormalizer::new(
            self.clean_text.unwrap_or(true),
            self.handle_chinese_chars.unwrap_or(true),
            self.strip_accents,
            self.lowercase.unwrap_or(true),
        )
    }
}

/// The WordPiece model that `file` describes. Old files do not say that it is one.
///
/// Longer words than BERT's 100 characters would cost quadratic time, and no BERT reads them.
fn word_piece(mut file: Map<String, Value>) -> Result<WordPiece, Fault> {
    match file.remove("type") {
        Some(kind) if kind != "WordPiece" => {
            same("model", kind.as_str(), "WordPiece or BPE")?;
        }
        _ => {}
    }
    for key in ["vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word"] {
        if !file.contains_key(key) {
            return Err(Fault::Malformed(format!("its model has no `{key}`")));
        }
    }
    let model: WordPiece = serde_json::from_value(Value::Object(file))?;
    let longest = model.max_input_chars_per_word.to_string();
    same("model.max_input_chars_per_word", Some(&longest), "100")?;
    let prefix = model.continuing_subword_prefix.as_str();
    same("model.continuing_subword_prefix", Some(prefix), "##")?;
    Ok(model)
}
