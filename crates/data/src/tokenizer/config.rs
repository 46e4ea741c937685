//! tokenizer_config.json: what Python's tokenizer class is given besides the vocabulary.

use std::path::Path;

use serde::Deserialize;
use tokenizers::normalizers::BertNormalizer;

use super::assembly::SpecialTokens;
use super::{MaxLength, TokenizerError, read_bounded};

/// The keys that change token numbers; all others are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct TokenizerConfig {
    tokenizer_class: Option<String>,
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    unk_token: Option<TokenName>,
    cls_token: Option<TokenName>,
    sep_token: Option<TokenName>,
    pad_token: Option<TokenName>,
    mask_token: Option<TokenName>,
    /// Python writes 1e30 where there is no limit.
    model_max_length: Option<f64>,
}

/// A token, written as its text or as an object that holds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum TokenName {
    Text(String),
    Object { content: String },
}

impl TokenizerConfig {
    /// The file in `dir`, or nothing when there is none.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, TokenizerError> {
        let path = dir.join("tokenizer_config.json");
        let Some(bytes) = read_bounded(&path)? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(config) => Ok(Some(config)),
            Err(error) => Err(TokenizerError::Malformed { path, reason: error.to_string() }),
        }
    }

    /// The normaliser that Python builds from this file, with Python's defaults.
    pub(super) fn normalizer(&self) -> BertNormalizer {
        let chinese = self.tokenize_chinese_chars.unwrap_or(true);
        let lower = self.do_lower_case.unwrap_or(true);
        BertNormalizer::new(true, chinese, self.strip_accents, lower)
    }

    /// Whether Python's class is one that heeds this file's normalisation before tokenizer.json's.
    pub(super) fn decides(&self) -> bool {
        let class = self.tokenizer_class.as_deref().unwrap_or("DistilBertTokenizer");
        matches!(class.trim_end_matches("Fast"), "BertTokenizer" | "DistilBertTokenizer")
    }

    /// Where Python cuts texts, if this file says it and texts can be so long.
    pub(super) fn max_length(&self) -> Option<MaxLength> {
        let tokens = self.model_max_length.filter(|tokens| tokens.fract() == 0.0)?;
        MaxLength::new(format!("{tokens}").parse().ok()?)
    }

    /// The names of the special tokens, BERT's where the file gives none.
    pub(super) fn special_tokens(&self) -> SpecialTokens {
        let name = |token: &Option<TokenName>, default: &str| match token {
            Some(TokenName::Text(name) | TokenName::Object { content: name }) => name.clone(),
            None => default.to_owned(),
        };
        SpecialTokens {
            unk: name(&self.unk_token, "[UNK]"),
            cls: name(&self.cls_token, "[CLS]"),
            sep: name(&self.sep_token, "[SEP]"),
            pad: name(&self.pad_token, "[PAD]"),
            mask: name(&self.mask_token, "[MASK]"),
        }
    }
}
