//! Text to token numbers, exactly as Hugging Face's tokenizers of DistilBERT, BERT and RoBERTa do it.
//!
//! The work is done by the `tokenizers` crate, in one of two fixed pipelines. BERT's: its normaliser,
//! its splitting at white space and punctuation, WordPiece, `[CLS]` in front and `[SEP]` behind.
//! RoBERTa's: words with the space before them, their bytes, BPE, `<s>` in front and `</s>` behind. Files
//! only say what varies within it, so a hostile file cannot bring a foreign part to life. Of padding
//! and truncation in a file the side that is cut is heeded: batches are packed, and [`MaxLength`] cuts.

mod assembly;
mod byte_level;
mod config;
mod error;
mod fault;
mod fingerprint;
mod framing;
mod json_file;
mod limit;
mod pairs;
mod pipeline;
mod save;
mod special_tokens;
mod tokens;
mod training;

use std::io;
use std::path::Path;

use assembly::TokenizerParts;
use config::TokenizerConfig;
use lockstep_world::file_content;
use pipeline::Pipeline;
use serde::Serialize;
use special_tokens::SpecialTokens;
use tokenizers::Encoding;
use tokens::Side;

pub use error::TokenizerError;

/// Turns texts into token numbers.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    /// Everything but `[CLS]` and `[SEP]`, which are put around its output here.
    pipeline: Pipeline,
    special: SpecialTokens,
    cls: u32,
    sep: u32,
    vocab_size: usize,
    side: Side,
    /// Whether pairs of texts are framed as its family does.
    has_usual_pairs: bool,
}

/// The most tokens of one text, `[CLS]` and `[SEP]` included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MaxLength(u32);

impl MaxLength {
    /// At most `tokens` tokens, from 3 (one besides `[CLS]` and `[SEP]`) to 65,536.
    #[must_use]
    pub fn new(tokens: usize) -> Option<Self> {
        let tokens = u32::try_from(tokens).ok()?;
        (3..=65_536).contains(&tokens).then_some(Self(tokens))
    }

    /// The number of tokens.
    #[must_use]
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

/// One text as token numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The numbers (T): `[CLS]`, the text's tokens, `[SEP]`, and of a pair those of the second text.
    pub ids: Vec<u32>,
    /// Where the second text begins in them, if there is one.
    pub second: Option<usize>,
    /// Whether the text had more tokens than fit.
    pub truncated: bool,
}

impl Tokenizer {
    /// The tokenizer in the model directory `dir`: tokenizer.json, or else vocab.txt alone, or else
    /// vocab.json and merges.txt.
    ///
    /// All that tokenizer_config.json, special_tokens_map.json and added_tokens.json say is heeded as in
    /// Python (transformers 5), or refused by name; `golden/settings.jsonl` lists the settings.
    ///
    /// # Errors
    /// [`TokenizerError`] when there is none, or one of another kind.
    pub fn from_dir(dir: &Path) -> Result<Self, TokenizerError> {
        let config = TokenizerConfig::read(dir)?;
        let json = dir.join("tokenizer.json");
        if let Some(bytes) = read_bounded(&json)? {
            return json_file::parts(&json, &bytes, &config)?.assemble(&json);
        }
        let vocabulary = dir.join("vocab.txt");
        if let Some(bytes) = read_bounded(&vocabulary)? {
            return TokenizerParts::of_vocabulary(&vocabulary, &bytes, &config)?
                .assemble(&vocabulary);
        }
        let [vocabulary, merges] = ["vocab.json", "merges.txt"].map(|name| dir.join(name));
        match (read_bounded(&vocabulary)?, read_bounded(&merges)?) {
            (Some(bytes), Some(merges)) => {
                TokenizerParts::of_merges(&vocabulary, &bytes, &merges, &config)?
                    .assemble(&vocabulary)
            }
            _ => Err(TokenizerError::Missing { dir: dir.to_owned() }),
        }
    }

    /// The tokens of `text`: `[CLS]` first, `[SEP]` last, cut to fit `max`.
    ///
    /// # Errors
    /// [`TokenizerError::Encode`] when the pipeline fails.
    pub fn encode(&self, text: &str, max: MaxLength) -> Result<Encoded, TokenizerError> {
        let encoding = self.pieces(text)?;
        let tokens = encoding.get_ids();
        let room = max.get() - 2;
        let kept = self.side.kept(tokens, room);
        let mut ids = Vec::with_capacity(kept.len() + 2);
        ids.push(self.cls);
        ids.extend_from_slice(kept);
        ids.push(self.sep);
        Ok(Encoded { ids, second: None, truncated: tokens.len() > room })
    }

    /// The tokens of one text, without any around them.
    fn pieces(&self, text: &str) -> Result<Encoding, TokenizerError> {
        self.pipeline.encode_fast(text, false).map_err(|error| TokenizerError::Encode {
            bytes: text.len(),
            reason: error.to_string(),
        })
    }

    /// The rows an embedding needs: the highest token number plus one (V).
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }
}

/// The whole of a file, or nothing when there is none.
fn read_bounded(path: &Path) -> Result<Option<Vec<u8>>, TokenizerError> {
    const LIMIT: u64 = 16 << 20;
    match file_content(path, LIMIT) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(TokenizerError::TooLarge { path: path.to_owned(), limit: LIMIT })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TokenizerError::Unreadable { path: path.to_owned(), source }),
    }
}
