//! A tokenizer as the files that Python's `AutoTokenizer` reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokenizers::models::bpe::BPE;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::processors::template::TemplateProcessing;

use super::pipeline::{Pipeline, PrefixSpace};
use super::special_tokens::Family;
use super::{Tokenizer, TokenizerError};

/// tokenizer_config.json as it is written.
#[derive(Serialize)]
struct ConfigFile<'a> {
    tokenizer_class: &'static str,
    #[serde(flatten)]
    kind: Kind,
    model_max_length: usize,
    truncation_side: &'static str,
    split_special_tokens: bool,
    #[serde(flatten)]
    special_tokens: BTreeMap<&'static str, &'a str>,
}

/// What is peculiar to a kind of tokenizers.
#[derive(Serialize)]
#[serde(untagged)]
enum Kind {
    Words { do_lower_case: bool, strip_accents: Option<bool>, tokenize_chinese_chars: bool },
    Bytes { add_prefix_space: bool },
}

impl Tokenizer {
    /// Writes tokenizer.json, tokenizer_config.json and vocab.txt, or vocab.json and merges.txt, into the directory `dir`.
    ///
    /// `model_max_length` is the number of positions the model has; Python cuts texts there.
    ///
    /// # Errors
    /// [`TokenizerError::Unwritable`] when a file cannot be written.
    pub fn save(&self, dir: &Path, model_max_length: usize) -> Result<(), TokenizerError> {
        let mut files = vec![
            ("tokenizer.json", self.json()),
            ("tokenizer_config.json", self.config_json(model_max_length)),
        ];
        match &self.pipeline {
            Pipeline::Words(_) => files.push(("vocab.txt", Ok(self.vocabulary()))),
            Pipeline::Bytes(bytes, _) => {
                files.push(("vocab.json", self.numbered()));
                files.push(("merges.txt", merges(bytes.get_model())));
            }
        }
        for (name, content) in files {
            let path = dir.join(name);
            content
                .and_then(|content| fs::write(&path, content))
                .map_err(|source| TokenizerError::Unwritable { path, source })?;
        }
        Ok(())
    }

    fn json(&self) -> std::io::Result<String> {
        let json = match self.pipeline.clone() {
            Pipeline::Words(mut words) => {
                let frame = self.template().map_err(std::io::Error::other)?;
                words.with_post_processor(Some(frame));
                words.to_string(false)
            }
            Pipeline::Bytes(mut bytes, PrefixSpace(space)) => {
                let [sep, cls] = [(&self.special.sep, self.sep), (&self.special.cls, self.cls)];
                let [sep, cls] = [sep, cls].map(|(name, id)| (name.clone(), id));
                let frame = RobertaProcessing::new(sep, cls).add_prefix_space(space);
                bytes.with_post_processor(Some(frame));
                bytes.to_string(false)
            }
        };
        json.map_err(std::io::Error::other)
    }

    /// `[CLS] A [SEP]` for one text and `[CLS] A [SEP] B [SEP]` for a pair, as BERT has them.
    fn template(&self) -> Result<TemplateProcessing, String> {
        let (cls, sep) = (&self.special.cls, &self.special.sep);
        let piece = |token: &String, kind: u32| format!("{token}:{kind}");
        let single = vec![piece(cls, 0), "$A:0".to_owned(), piece(sep, 0)];
        let pair = [single.clone(), vec!["$B:1".to_owned(), piece(sep, 1)]].concat();
        TemplateProcessing::builder()
            .try_single(single)?
            .try_pair(pair)?
            .special_tokens(vec![(cls.clone(), self.cls), (sep.clone(), self.sep)])
            .build()
            .map_err(|error| error.to_string())
    }

    fn config_json(&self, model_max_length: usize) -> std::io::Result<String> {
        let (kind, family) = match &self.pipeline {
            Pipeline::Words(words) => {
                let normalizer = words.get_normalizer().copied().unwrap_or_default();
                let kind = Kind::Words {
                    do_lower_case: normalizer.lowercase,
                    strip_accents: normalizer.strip_accents,
                    tokenize_chinese_chars: normalizer.handle_chinese_chars,
                };
                (kind, Family::Words)
            }
            Pipeline::Bytes(_, PrefixSpace(space)) => {
                (Kind::Bytes { add_prefix_space: *space }, Family::Bytes)
            }
        };
        let keys = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"];
        let special_tokens = keys
            .into_iter()
            .zip(self.special.all())
            .filter(|(_, name)| self.pipeline.token_to_id(name).is_some())
            .map(|(key, name)| (key, name.as_str()))
            .collect();
        let config = ConfigFile {
            tokenizer_class: family.class(),
            kind,
            model_max_length,
            truncation_side: self.side.name(),
            split_special_tokens: self.pipeline.splits_special(),
            special_tokens,
        };
        serde_json::to_string_pretty(&config).map_err(std::io::Error::other)
    }

    /// One token a line; a number that no token has is a blank line.
    fn vocabulary(&self) -> String {
        let tokens: BTreeMap<u32, String> =
            self.pipeline.get_vocab(false).into_iter().map(|(token, id)| (id, token)).collect();
        let end = tokens.last_key_value().map_or(0, |(id, _)| id + 1);
        let line = |id| format!("{}\n", tokens.get(&id).map_or("", String::as_str));
        (0..end).map(line).collect()
    }

    /// vocab.json: the number of each token, in the order of the numbers.
    fn numbered(&self) -> std::io::Result<String> {
        let vocabulary = self.pipeline.get_vocab(false).into_iter();
        let tokens: BTreeMap<u32, String> = vocabulary.map(|(token, id)| (id, token)).collect();
        let entry = |(id, token): (u32, String)| {
            Ok(format!("{}: {id}", serde_json::to_string(&token).map_err(std::io::Error::other)?))
        };
        let entries: std::io::Result<Vec<String>> = tokens.into_iter().map(entry).collect();
        Ok(format!("{{{}}}\n", entries?.join(", ")))
    }
}

/// merges.txt: two tokens a line, the first to be joined first.
fn merges(model: &BPE) -> std::io::Result<String> {
    #[derive(Deserialize)]
    struct Merges {
        merges: Vec<[String; 2]>,
    }
    let written = serde_json::to_value(model)?;
    let Merges { merges } = serde_json::from_value(written)?;
    let line = |[first, second]: [String; 2]| format!("{first} {second}\n");
    Ok("#version: 0.2\n".to_owned() + &merges.into_iter().map(line).collect::<String>())
}
