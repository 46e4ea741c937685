//! The tokenizer of `builtin:tiny`.

use lockstep_data::Tokenizer;

use crate::failure::Failure;

/// Tokens in the vocabulary of `builtin:tiny`.
const TINY_VOCABULARY: usize = 1000;

/// The tokenizer of `builtin:tiny`, whose vocabulary is made of texts.
///
/// # Errors
/// Texts without a word.
pub(crate) fn tiny_tokenizer<T: AsRef<str>>(
    texts: impl IntoIterator<Item = T>,
) -> Result<Tokenizer, Failure> {
    Tokenizer::train_wordpiece(texts, TINY_VOCABULARY).map_err(Failure::Tokenizer)
}
