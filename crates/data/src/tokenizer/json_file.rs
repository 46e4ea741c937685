//! tokenizer.json, read for the parts of BERT's pipeline and checked to hold no others.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::AddedToken;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;

use super::TokenizerError;
use super::assembly::TokenizerParts;
use super::config::TokenizerConfig;
use super::tokens::{Found, Side, TokenFile};

#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<TokenFile>,
    truncation: Option<Truncation>,
    normalizer: Option<NormalizerFile>,
    pre_tokenizer: Option<Tagged>,
    post_processor: Option<PostProcessor>,
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

#[derive(Deserialize)]
#[serde(tag = "type")]
enum PostProcessor {
    TemplateProcessing {
        single: Vec<Piece>,
        special_tokens: HashMap<String, TemplateToken>,
    },
    BertProcessing {
        cls: (String, u32),
        sep: (String, u32),
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
enum Piece {
    Sequence {},
    SpecialToken { id: String },
}

#[derive(Deserialize)]
struct TemplateToken {
    ids: Vec<u32>,
}

/// The parts that the tokenizer.json at `path` holds.
pub(super) fn parts(
    path: &Path,
    bytes: &[u8],
    config: &TokenizerConfig,
) -> Result<TokenizerParts, TokenizerError> {
    let file: Result<TokenizerFile, _> = serde_json::from_slice(bytes);
    file.map_err(Fault::from).and_then(|file| file.parts(config)).map_err(|fault| match fault {
        Fault::Malformed(reason) => TokenizerError::Malformed { path: path.to_owned(), reason },
        Fault::Foreign { part, found, expected } => {
            TokenizerError::Foreign { path: path.to_owned(), part, found, expected }
        }
    })
}

/// A fault of the file, whose path is known one level up.
enum Fault {
    Malformed(String),
    Foreign { part: &'static str, found: String, expected: &'static str },
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl TokenizerFile {
    fn parts(self, config: &TokenizerConfig) -> Result<TokenizerParts, Fault> {
        let mut model = model(self.model)?;
        let splitter = self.pre_tokenizer.map(|tagged| tagged.kind);
        same("pre_tokenizer", splitter.as_deref(), "BertPreTokenizer")?;
        let kind = self.normalizer.as_ref().map(|normalizer| normalizer.kind.as_str());
        same("normalizer", kind, "BertNormalizer")?;
        let normalizer = match self.normalizer {
            Some(normalizer) if !config.normalizes() => normalizer.build(),
            _ => config.normalizer(),
        };
        let listed: Option<Vec<Found>> =
            self.added_tokens.into_iter().map(TokenFile::numbered).collect();
        let listed = listed.ok_or_else(|| Fault::Malformed("an added token has no `id`".into()))?;
        let mut added = config.added(listed);
        let mut special = config.special_tokens();
        let given = |key| config.given(key).filter(|_| config.decides()).map(str::to_owned);
        model.unk_token = given("unk_token").unwrap_or(model.unk_token);
        special.unk.clone_from(&model.unk_token);
        let [cls, sep] = frame(self.post_processor)?;
        for (key, (name, id), place) in
            [("cls_token", cls, &mut special.cls), ("sep_token", sep, &mut special.sep)]
        {
            // What Python builds from the names overrides what the file has.
            if let Some(given) = given(key) {
                *place = given;
                continue;
            }
            if !added.iter().any(|found| found.token.content == name && found.id == id) {
                added.push(Found { token: AddedToken::from(name.as_str(), true), id });
            }
            *place = name;
        }
        let direction = self.truncation.and_then(|truncation| truncation.direction);
        let side = config.side().or_else(|| Side::of(direction.as_deref()?)).unwrap_or_default();
        let joining = config.joining().map(str::to_owned).collect();
        let splits_special = config.splits_special();
        Ok(TokenizerParts { model, normalizer, special, added, joining, side, splits_special })
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
fn model(mut file: Map<String, Value>) -> Result<WordPiece, Fault> {
    if let Some(kind) = file.remove("type") {
        same("model", kind.as_str(), "WordPiece")?;
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

/// The names and numbers of the tokens that the post-processor puts around a text.
fn frame(post_processor: Option<PostProcessor>) -> Result<[(String, u32); 2], Fault> {
    let foreign = |found: &str| Fault::Foreign {
        part: "post_processor",
        found: found.to_owned(),
        expected: "[CLS] text [SEP]",
    };
    match post_processor {
        None => Err(foreign("missing")),
        Some(PostProcessor::Other) => Err(foreign("of another kind")),
        Some(PostProcessor::BertProcessing { cls, sep }) => Ok([cls, sep]),
        Some(PostProcessor::TemplateProcessing { single, special_tokens }) => {
            let id = |name: &String| match special_tokens.get(name)?.ids.as_slice() {
                [id] => Some((name.clone(), *id)),
                _ => None,
            };
            let framed = match single.as_slice() {
                [
                    Piece::SpecialToken { id: cls },
                    Piece::Sequence {},
                    Piece::SpecialToken { id: sep },
                ] => id(cls).zip(id(sep)),
                _ => None,
            };
            framed.map(|(cls, sep)| [cls, sep]).ok_or_else(|| foreign("another template"))
        }
    }
}

fn same(part: &'static str, found: Option<&str>, expected: &'static str) -> Result<(), Fault> {
    match found {
        Some(found) if found == expected => Ok(()),
        Some(found) => {
            Err(Fault::Foreign { part, found: crate::excerpt::excerpt(found), expected })
        }
        None => Err(Fault::Foreign { part, found: "missing".to_owned(), expected }),
    }
}
