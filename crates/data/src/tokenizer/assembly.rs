//! A pipeline, assembled from what varies between tokenizers of its kind.

use std::collections::HashMap;
use std::path::Path;

use tokenizers::AddedToken;
use tokenizers::models::wordpiece::WordPiece;

use super::config::TokenizerConfig;
use super::pipeline::{Core, Pipeline};
use super::special_tokens::{Family, SpecialTokens};
use super::tokens::{Found, Side};
use super::{Tokenizer, TokenizerError};

/// The first token number that is refused: no encoder has an embedding of that many rows.
const ID_LIMIT: u32 = 1 << 22;

/// What a tokenizer's files say.
pub(super) struct TokenizerParts {
    pub(super) core: Core,
    pub(super) special: SpecialTokens,
    /// Tokens that are found in a text before it is split.
    pub(super) added: Vec<Found>,
    /// Special tokens that join the vocabulary where it lacks them.
    pub(super) joining: Vec<String>,
    /// Where long texts are cut.
    pub(super) side: Side,
    /// Whether special tokens in a text are ordinary words.
    pub(super) splits_special: bool,
    /// Whether pairs of texts are framed as its family does.
    pub(super) has_usual_pairs: bool,
}

impl TokenizerParts {
    /// A vocabulary with one token a line, whose number is the line's.
    pub(super) fn of_vocabulary(
        path: &Path,
        vocabulary: &[u8],
        config: &TokenizerConfig,
    ) -> Result<Self, TokenizerError> {
        let malformed = |error: tokenizers::Error| TokenizerError::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        config.is_for(Family::Words).map_err(|fault| fault.at(path))?;
        let special = config.special_tokens(Family::Words);
        let model = WordPiece::read_bytes(vocabulary)
            .and_then(|tokens| {
                WordPiece::builder().vocab(tokens).unk_token(special.unk.clone()).build()
            })
            .map_err(malformed)?;
        Ok(Self {
            core: Core::Words(Box::new((model, config.normalizer()))),
            special,
            added: config.added(Vec::new()),
            joining: config.joining().map(str::to_owned).collect(),
            side: config.side().unwrap_or_default(),
            splits_special: config.splits_special(),
            has_usual_pairs: true,
        })
    }

    /// The tokenizer of these parts, which come from the file at `path`.
    pub(super) fn assemble(mut self, path: &Path) -> Result<Tokenizer, TokenizerError> {
        let missing = |token: &String| TokenizerError::MissingToken {
            path: path.to_owned(),
            token: token.clone(),
        };
        if self.core.token_to_id(&self.special.unk).is_none() {
            return Err(missing(&self.special.unk));
        }
        self.add_special_tokens();
        let stated: Vec<(String, u32)> =
            self.added.iter().map(|found| (found.token.content.clone(), found.id)).collect();
        let tokens = self.added.into_iter().map(|found| found.token);
        let joining = self.joining.into_iter().map(|name| AddedToken::from(name, true));
        let tokens = tokens.chain(joining).collect();
        let mut pipeline = self.core.pipeline(tokens).map_err(|error| {
            TokenizerError::Malformed { path: path.to_owned(), reason: error.to_string() }
        })?;
        pipeline.set_splits_special(self.splits_special);
        check_stated(&pipeline, &stated, path)?;
        let vocab_size = vocab_size(&pipeline, path)?;
        let id = |token: &String| pipeline.token_to_id(token).ok_or_else(|| missing(token));
        let (cls, sep) = (id(&self.special.cls)?, id(&self.special.sep)?);
        let Self { special, side, has_usual_pairs, .. } = self;
        Ok(Tokenizer { pipeline, special, cls, sep, vocab_size, side, has_usual_pairs })
    }

    /// Adds the special tokens of the vocabulary that no file has listed: Python finds them in a
    /// text too.
    fn add_special_tokens(&mut self) {
        for name in self.special.all() {
            let listed = self.added.iter().any(|found| found.token.content == *name);
            if let (false, Some(id)) = (listed, self.core.token_to_id(name)) {
                self.added.push(Found { token: AddedToken::from(name.as_str(), true), id });
            }
        }
        let added = &self.added;
        self.joining.retain(|name| !added.iter().any(|found| found.token.content == *name));
    }
}

fn check_stated(
    pipeline: &Pipeline,
    stated: &[(String, u32)],
    path: &Path,
) -> Result<(), TokenizerError> {
    for (token, stated) in stated {
        match pipeline.token_to_id(token) {
            Some(actual) if actual != *stated => {
                return Err(TokenizerError::Contradiction {
                    path: path.to_owned(),
                    token: token.clone(),
                    stated: *stated,
                    actual,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The highest number plus one, once each number is seen to belong to one token.
fn vocab_size(pipeline: &Pipeline, path: &Path) -> Result<usize, TokenizerError> {
    let mut owners: HashMap<u32, String> = HashMap::new();
    let mut size = 0;
    for (token, id) in pipeline.get_vocab(true) {
        // A blank line of vocab.txt takes a number, but no text has an empty token.
        if token.is_empty() {
            continue;
        }
        if id >= ID_LIMIT {
            let path = path.to_owned();
            return Err(TokenizerError::IdTooLarge { path, token, id, limit: ID_LIMIT });
        }
        size = size.max(id as usize + 1);
        if let Some(other) = owners.insert(id, token.clone()) {
            let (first, second) = if other < token { (other, token) } else { (token, other) };
            return Err(TokenizerError::SharedId { path: path.to_owned(), id, first, second });
        }
    }
    Ok(size)
}
