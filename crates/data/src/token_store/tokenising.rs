//! How texts become tokens, and what bounds the numbers of a store.

use super::header::Widths;
use crate::tokenizer::{MaxLength, Tokenizer};

/// How texts become tokens.
#[derive(Clone, Copy, Debug)]
pub struct Tokenising<'a> {
    /// What makes tokens of them.
    pub tokenizer: &'a Tokenizer,
    /// Where they are cut.
    pub max: MaxLength,
    /// The number K of classes.
    pub classes: u64,
    /// Whether the texts are pairs ([`crate::paired`]).
    pub are_pairs: bool,
}

impl Tokenising<'_> {
    pub(super) fn widths(self) -> Widths {
        Widths {
            vocabulary: self.tokenizer.vocab_size() as u64,
            longest: self.max.get() as u64,
            classes: self.classes,
            are_pairs: self.are_pairs,
        }
    }
}
