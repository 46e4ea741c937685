//! A tokenizer as the three files that Python's `AutoTokenizer` reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;
use tokenizers::processors::template::TemplateProcessing;

use super::{Tokenizer, TokenizerError};

/// tokenizer_config.json as it is written.
#[derive(Serialize)]
struct ConfigFile<'a> {
    tokenizer_class: &'static str,
    do_lower_case: bool,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: bool,
    model_max_length: usize,
    truncation_side: &'static str,
    split_special_tokens: bool,
    #[serde(flatten)]
    special_tokens: BTreeMap<&'static str, &'a str>,
}

impl Tokenizer {
    /// Writes tokenizer.json, tokenizer_config.json and vocab.txt into the directory `dir`.
    ///
    /// `model_max_length` is the number of positions the model has; Python cuts texts there.
    ///
    /// # Errors
    /// [`TokenizerError::Unwritable`] when a file cannot be written.
    pub fn save(&self, dir: &Path, model_max_length: usize) -> Result<(), TokenizerError> {
        let files = [
            ("tokenizer.json", self.json()),
            ("tokenizer_config.json", self.config_json(model_max_length)),
            ("vocab.txt", Ok(self.vocabulary())),
        ];
        for (name, content) in files {
            let path = dir.join(name);
            content
                .and_then(|content| fs::write(&path, content))
                .map_err(|source| TokenizerError::Unwritable { path, source })?;
        }
        Ok(())
    }

    fn json(&self) -> std::io::Result<String> {
        let mut pipeline = self.pipeline.clone();
        let frame = self.template().map_err(std::io::Error::other)?;
        pipeline.with_post_processor(Some(frame));
        pipeline.to_string(false).map_err(std::io::Error::other)
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
        let normalizer = self.pipeline.get_normalizer().copied().unwrap_or_default();
        let keys = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"];
        let special_tokens = keys
            .into_iter()
            .zip(self.special.all())
            .filter(|(_, name)| self.pipeline.token_to_id(name).is_some())
            .map(|(key, name)| (key, name.as_str()))
            .collect();
        let config = ConfigFile {
            tokenizer_class: "DistilBertTokenizer",
            do_lower_case: normalizer.lowercase,
            strip_accents: normalizer.strip_accents,
            tokenize_chinese_chars: normalizer.handle_chinese_chars,
            model_max_length,
            truncation_side: self.side.name(),
            split_special_tokens: self.pipeline.get_encode_special_tokens(),
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
}
