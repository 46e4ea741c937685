//! All tokens of a corpus, flat: one allocation for 67,000 texts instead of one each.

use lockstep_world::Fingerprint;
use rayon::prelude::*;

use crate::pair::texts_of;
use crate::tokenizer::{Encoded, MaxLength, Tokenizer, TokenizerError};

/// Tokenised, labelled texts in the order of their corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenStore {
    /// The tokens of all texts, one after the other (N).
    ids: Vec<u32>,
    /// Where each text begins in `ids`, and at the end where the last one ends (B+1).
    offsets: Vec<usize>,
    /// The number of tokens of each text (B).
    lengths: Vec<u32>,
    /// The class of each text (B).
    labels: Vec<u32>,
    /// Where the second text of each begins among its tokens, or they end if it has none (B); empty
    /// where no text is a pair.
    seconds: Vec<u32>,
    truncated: usize,
}

impl TokenStore {
    /// Tokenises `rows` of text, or pair of texts ([`crate::paired`]), and class on all cores.
    ///
    /// # Errors
    /// [`TokenizerError::Encode`] when a text cannot be encoded.
    pub fn build<'a>(
        rows: impl IntoIterator<Item = (&'a str, u32)>,
        tokenizer: &Tokenizer,
        max: MaxLength,
    ) -> Result<Self, TokenizerError> {
        let (texts, labels): (Vec<&str>, Vec<u32>) = rows.into_iter().unzip();
        let encoded: Vec<Encoded> =
            texts.par_iter().map(|text| encode(text, tokenizer, max)).collect::<Result<_, _>>()?;
        let mut store = Self { labels, offsets: vec![0], ..Self::default() };
        let are_pairs = encoded.iter().any(|text| text.second.is_some());
        for Encoded { ids, second, truncated } in encoded {
            store.ids.extend_from_slice(&ids);
            let second = are_pairs.then(|| second.unwrap_or(ids.len()));
            store.seconds.extend(second.and_then(|second| u32::try_from(second).ok()));
            store.offsets.push(store.ids.len());
            // A text has at most `MaxLength` tokens, which is far below this bound.
            store.lengths.push(u32::try_from(ids.len()).unwrap_or(u32::MAX));
            store.truncated += usize::from(truncated);
        }
        Ok(store)
    }

    /// The number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The tokens of text `example`, if there is one.
    #[must_use]
    pub fn tokens(&self, example: usize) -> Option<&[u32]> {
        self.ids.get(*self.offsets.get(example)?..*self.offsets.get(example + 1)?)
    }

    /// Where the second text of `example` begins among its tokens; nothing where it is not a pair.
    #[must_use]
    pub fn second(&self, example: usize) -> Option<usize> {
        self.seconds.get(example).map(|&second| second as usize)
    }

    /// Whether the texts are pairs.
    #[must_use]
    pub fn is_of_pairs(&self) -> bool {
        !self.seconds.is_empty()
    }

    /// The class of text `example`, if there is one.
    #[must_use]
    pub fn label(&self, example: usize) -> Option<u32> {
        self.labels.get(example).copied()
    }

    /// The number of tokens of each text (B).
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// The number of texts that were cut.
    #[must_use]
    pub fn truncated(&self) -> usize {
        self.truncated
    }

    /// The number of tokens of all texts together (N).
    #[must_use]
    pub fn total_tokens(&self) -> usize {
        self.ids.len()
    }

    /// A number that differs when a token, a border or a label differs. It tells a resumed run that
    /// its data has changed.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let words = self.lengths.iter().chain(&self.ids).chain(&self.labels).chain(&self.seconds);
        words.fold(Fingerprint::new(), |before, word| before.then(u64::from(*word))).value()
    }
}

fn encode(text: &str, tokenizer: &Tokenizer, max: MaxLength) -> Result<Encoded, TokenizerError> {
    match texts_of(text) {
        (first, Some(second)) => tokenizer.encode_pair([first, second], max),
        (text, None) => tokenizer.encode(text, max),
    }
}
