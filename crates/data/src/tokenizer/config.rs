//! What Python's tokenizer class is given besides the vocabulary: tokenizer_config.json, and the files
//! that older versions wrote beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokenizers::normalizers::BertNormalizer;

use super::fault::{Fault, same};
use super::special_tokens::{Family, SpecialTokens};
use super::tokens::{Found, Side, TokenFile};
use super::{MaxLength, TokenizerError, read_bounded};

/// The special tokens that Python has keys for, in its order.
const NAMED: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// All that is said beside the vocabulary.
#[derive(Clone, Debug, Default)]
pub(super) struct TokenizerConfig {
    file: ConfigFile,
    /// The special tokens that are given, by key, Python's own first.
    named: Vec<(String, String)>,
    /// Further special tokens.
    extra: Vec<String>,
    /// added_tokens.json, which a list in tokenizer_config.json overrides.
    legacy: BTreeMap<u32, String>,
    /// tokenizer_config.json, for messages.
    path: PathBuf,
    is_given: bool,
}

/// tokenizer_config.json. What is not here changes no token number.
#[derive(Clone, Debug, Default, Deserialize)]
struct ConfigFile {
    tokenizer_class: Option<String>,
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    truncation_side: Option<String>,
    split_special_tokens: Option<bool>,
    add_prefix_space: Option<bool>,
    added_tokens_decoder: Option<BTreeMap<u32, TokenFile>>,
    /// Python writes 1e30 where there is no limit.
    model_max_length: Option<f64>,
}

impl TokenizerConfig {
    /// What the files in `dir` say; what they do not is Python's default.
    pub(super) fn read(dir: &Path) -> Result<Self, TokenizerError> {
        let path = dir.join("tokenizer_config.json");
        let file: Option<ConfigFile> = json(&path)?;
        let is_given = file.is_some();
        let mut file = file.unwrap_or_default();
        let mut keys: Map<String, Value> = json(&path)?.unwrap_or_default();
        let mut legacy = BTreeMap::new();
        if file.added_tokens_decoder.is_none() {
            keys.extend(
                json::<Map<String, Value>>(&dir.join("special_tokens_map.json"))?
                    .unwrap_or_default(),
            );
            legacy = added_tokens(&dir.join("added_tokens.json"))?;
        }
        if file.tokenizer_class.is_none() {
            let model: Option<ModelConfig> = json(&dir.join("config.json")).unwrap_or_default();
            file.tokenizer_class = model.and_then(|model| model.tokenizer_class);
        }
        let extra = ["extra_special_tokens", "additional_special_tokens"];
        let extra = extra.iter().find_map(|key| keys.get(*key).filter(|value| !is_empty(value)));
        let extra = extra.cloned().unwrap_or_default();
        let named = named(&keys, &extra);
        let config = Self { named, extra: names(&extra), file, legacy, path, is_given };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), TokenizerError> {
        let foreign = |part, found: &str, expected| {
            let found = crate::excerpt::excerpt(found);
            Err(TokenizerError::Foreign { path: self.path.clone(), part, found, expected })
        };
        match (self.class(), self.file.truncation_side.as_deref()) {
            (Class::Foreign, _) => {
                let class = self.file.tokenizer_class.as_deref().unwrap_or_default();
                foreign("tokenizer_class", class, "BertTokenizer or RobertaTokenizer")
            }
            (_, Some(side)) if Side::of(side).is_none() => {
                foreign("truncation_side", side, "right or left")
            }
            _ => Ok(()),
        }
    }

    /// The normaliser that Python builds from this file, with Python's defaults.
    pub(super) fn normalizer(&self) -> BertNormalizer {
        let ConfigFile { tokenize_chinese_chars, do_lower_case, strip_accents, .. } = self.file;
        let chinese = tokenize_chinese_chars.unwrap_or(true);
        let lower = do_lower_case.unwrap_or(true);
        BertNormalizer::new(true, chinese, strip_accents, lower)
    }

    /// Whether Python's class is one that builds its parts from this file, and takes no more than the
    /// vocabulary from tokenizer.json.
    pub(super) fn decides(&self) -> bool {
        matches!(self.class(), Class::Own | Class::Of(_))
    }

    /// Whether Python's class can have a tokenizer of this kind.
    ///
    /// # Errors
    /// [`Fault::Foreign`] with the class that is given.
    pub(super) fn is_for(&self, family: Family) -> Result<(), Fault> {
        match self.class() {
            Class::Of(class) if class != family => {
                let found = self.file.tokenizer_class.as_deref().unwrap_or_default();
                same("tokenizer_class", Some(found), family.class())
            }
            _ => Ok(()),
        }
    }

    /// Whether byte-level BPE puts a space before a text, where this file decides.
    pub(super) fn prefix_space(&self) -> bool {
        self.file.add_prefix_space.unwrap_or(false)
    }

    /// Where Python cuts texts, if this file says it and texts can be so long.
    pub(super) fn max_length(&self) -> Option<MaxLength> {
        let tokens = self.file.model_max_length.filter(|tokens| tokens.fract() == 0.0)?;
        MaxLength::new(format!("{tokens}").parse().ok()?)
    }

    /// Whether this file's normalisation overrides tokenizer.json's. Where there is no such file Python
    /// takes its defaults all the same; tokenizer.json is the better witness of how a model was trained.
    pub(super) fn normalizes(&self) -> bool {
        self.is_given && self.decides()
    }

    fn class(&self) -> Class {
        let Some(class) = self.file.tokenizer_class.as_deref() else { return Class::Own };
        match class.trim_end_matches("Fast") {
            "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" => {
                Class::Of(Family::Words)
            }
            "RobertaTokenizer" => Class::Of(Family::Bytes),
            "PreTrainedTokenizer" | "TokenizersBackend" => Class::AsInFile,
            _ => Class::Foreign,
        }
    }

    /// The side at which long texts are cut, where it is given.
    pub(super) fn side(&self) -> Option<Side> {
        self.file.truncation_side.as_deref().and_then(Side::of)
    }

    /// Whether special tokens in a text are ordinary words.
    pub(super) fn splits_special(&self) -> bool {
        self.file.split_special_tokens.unwrap_or(false)
    }

    /// The special token that is given under `key`.
    pub(super) fn given(&self, key: &str) -> Option<&str> {
        let found = self.named.iter().find(|(name, _)| name == key);
        found.map(|(_, token)| token.as_str())
    }

    /// The names of the special tokens, the usual ones where the files give none.
    pub(super) fn special_tokens(&self, family: Family) -> SpecialTokens {
        let name = |key, default: &str| self.given(key).unwrap_or(default).to_owned();
        let [unk, cls, sep, pad, mask] = family.names();
        SpecialTokens {
            unk: name("unk_token", unk),
            cls: name("cls_token", cls),
            sep: name("sep_token", sep),
            pad: name("pad_token", pad),
            mask: name("mask_token", mask),
        }
    }

    /// The tokens that are found in a text before it is split, with the numbers they are given.
    /// `listed` are those of tokenizer.json.
    pub(super) fn added(&self, listed: Vec<Found>) -> Vec<Found> {
        let special = |name: &str| {
            self.named.iter().any(|(_, token)| token == name)
                || self.extra.iter().any(|token| token == name)
        };
        let mut by_id: BTreeMap<u32, Found> = BTreeMap::new();
        let mut put = |found: Found| {
            by_id.insert(found.id, found);
        };
        match &self.file.added_tokens_decoder {
            Some(tokens) => {
                if !self.decides() {
                    listed.into_iter().for_each(&mut put);
                }
                tokens.iter().for_each(|(id, token)| put(token.clone().found(*id)));
            }
            None => {
                self.legacy.iter().for_each(|(id, name)| {
                    put(TokenFile::plain(name, special(name)).found(*id));
                });
                listed.into_iter().for_each(&mut put);
            }
        }
        by_id.into_values().collect()
    }

    /// Special tokens that join a vocabulary which lacks them, in the order in which they do.
    pub(super) fn joining(&self) -> impl Iterator<Item = &str> {
        const USUAL: [&str; 5] = ["unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
        let named = self.named.iter().filter(|(key, _)| !USUAL.contains(&key.as_str()));
        named.map(|(_, token)| token.as_str()).chain(self.extra.iter().map(String::as_str))
    }
}

/// How Python's tokenizer class makes a tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// That of the model, from the vocabulary and these files.
    Own,
    /// One that is given, from the vocabulary and these files.
    Of(Family),
    /// From tokenizer.json as it is.
    AsInFile,
    /// Another one, whose token numbers are unknown.
    Foreign,
}

/// What is read of config.json.
#[derive(Deserialize)]
struct ModelConfig {
    tokenizer_class: Option<String>,
}

/// The JSON file at `path`, or nothing when there is none.
fn json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, TokenizerError> {
    let Some(bytes) = read_bounded(path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| TokenizerError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// added_tokens.json: the number of each token.
fn added_tokens(path: &Path) -> Result<BTreeMap<u32, String>, TokenizerError> {
    let tokens: BTreeMap<String, u32> = json(path)?.unwrap_or_default();
    let mut by_id = BTreeMap::new();
    for (token, id) in tokens {
        if let Some(first) = by_id.insert(id, token.clone()) {
            return Err(TokenizerError::SharedId {
                path: path.to_owned(),
                id,
                first,
                second: token,
            });
        }
    }
    Ok(by_id)
}

/// The special tokens with keys: Python's own, then those that a model has for itself.
fn named(keys: &Map<String, Value>, extra: &Value) -> Vec<(String, String)> {
    let own = |(key, value): (&String, &Value)| {
        let is_own = key.ends_with("_token") && !NAMED.contains(&key.as_str());
        Some((key.clone(), value.as_str().filter(|_| is_own)?.to_owned()))
    };
    let known = NAMED.iter().filter_map(|key| Some(((*key).to_owned(), token(keys.get(*key)?)?)));
    let mapped = extra.as_object().into_iter().flatten();
    let mapped = mapped.filter_map(|(key, value)| Some((key.clone(), token(value)?)));
    known.chain(keys.iter().filter_map(own)).chain(mapped).collect()
}

/// The tokens of a list.
fn names(extra: &Value) -> Vec<String> {
    extra.as_array().into_iter().flatten().filter_map(token).collect()
}

/// A token, written as its text or as an object that holds it.
fn token(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(tokens) => tokens.is_empty(),
        Value::Object(tokens) => tokens.is_empty(),
        other => other.is_null(),
    }
}
