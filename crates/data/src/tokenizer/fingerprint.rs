//! Whether two tokenizers make the same tokens.

use serde::Serialize;

use super::Tokenizer;
use super::pipeline::Pipeline;
use super::tokens::Side;
use crate::hashed::hash_of;

/// All that decides which tokens a text becomes.
#[derive(Serialize)]
struct Decisive<P> {
    pipeline: P,
    splits_special: bool,
    cls: u32,
    sep: u32,
    vocab_size: usize,
    side: Side,
}

impl Tokenizer {
    /// A hash of all that decides which tokens a text becomes.
    #[must_use]
    pub(crate) fn fingerprint(&self) -> Option<u128> {
        match &self.pipeline {
            Pipeline::Words(words) => hash_of(&self.decisive(words)),
            Pipeline::Bytes(bytes, _) => hash_of(&self.decisive(bytes)),
        }
    }

    fn decisive<P>(&self, pipeline: P) -> Decisive<P> {
        let &Self { cls, sep, vocab_size, side, .. } = self;
        let splits_special = self.pipeline.splits_special();
        Decisive { pipeline, splits_special, cls, sep, vocab_size, side }
    }
}
