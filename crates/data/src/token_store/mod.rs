//! All tokens of a corpus: in memory for few texts, else in a file that is read at places, so that a
//! process needs four bytes a text and not the texts.

mod building;
mod fault;
mod header;
mod image;
mod opening;
mod overlap;
mod sink;
mod tokenising;
mod writer;

use std::sync::Arc;

pub use building::Exchange;
pub(crate) use building::{Alone, Built, build};
pub(crate) use fault::StoreFault;
pub(crate) use header::VERSION;
use header::{Header, get};
use image::Image;
pub use overlap::Overlap;
pub(crate) use sink::Places;
pub use tokenising::Tokenising;
pub(crate) use writer::StoreWriter;

use crate::changed::ChangedFile;
use crate::error::DataError;
use crate::pair::texts_of;
use crate::tokenizer::{MaxLength, Tokenizer, TokenizerError};

/// Texts between two whose first token's place is held in memory.
const STRIDE: usize = 64;

/// Tokenised, labelled texts in the order of their corpus.
#[derive(Clone, Debug)]
pub struct TokenStore {
    image: Arc<Image>,
    header: Header,
    /// The number of tokens of each text (B).
    lengths: Arc<[u32]>,
    /// The tokens before each [`STRIDE`]-th text.
    starts: Arc<[u64]>,
}

impl TokenStore {
    /// Tokenises `rows` of text, or pair of texts ([`crate::paired`]), and class on all cores, into memory.
    ///
    /// # Errors
    /// [`TokenizerError::Encode`] when a text cannot be encoded.
    pub fn build<'a>(
        rows: impl IntoIterator<Item = (&'a str, u32)>,
        tokenizer: &Tokenizer,
        max: MaxLength,
    ) -> Result<Self, TokenizerError> {
        let rows: Vec<(&str, u32)> = rows.into_iter().collect();
        let are_pairs = rows.iter().any(|(text, _)| texts_of(text).1.is_some());
        let rows = rows.into_iter().map(Ok);
        let how = Tokenising { tokenizer, max, classes: ANY_CLASS, are_pairs };
        let writer = StoreWriter::new(how, Places::default(), 0);
        let other = |reason: String| TokenizerError::Encode { bytes: 0, reason };
        match build(rows, how, Some(writer), &mut Alone(&|_| ())) {
            Ok(Built::Store(finished)) => Ok(finished.store),
            Err(DataError::Tokenizer(error)) => Err(error),
            Err(error) => Err(other(error.to_string())),
            Ok(Built::Nothing | Built::Unequal) => Err(other("nothing was made".to_owned())),
        }
    }

    /// The number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Adds the tokens of text `example` to `ids`. Of a pair it says where its second text begins among them.
    ///
    /// # Errors
    /// [`DataError::NoSuchExample`]; [`DataError::Changed`] for a file that was damaged since it was opened.
    pub fn append_tokens(
        &self,
        example: usize,
        ids: &mut Vec<u32>,
    ) -> Result<Option<usize>, DataError> {
        let length = *self.lengths.get(example).ok_or_else(|| self.no_such(example))?;
        let before = self.lengths.get(example / STRIDE * STRIDE..example).unwrap_or_default();
        let start = self.starts.get(example / STRIDE).copied().unwrap_or_default();
        let start = start + before.iter().map(|length| u64::from(*length)).sum::<u64>();
        let width = self.header.widths.id();
        let mut bytes = vec![0; length as usize * width];
        self.read(start * width as u64, &mut bytes)?;
        let first = ids.len();
        ids.extend(bytes.chunks_exact(width).map(get));
        let widths = self.header.widths;
        let added = ids.get_mut(first..).unwrap_or_default();
        if !added.iter().all(|id| u64::from(*id) < widths.ids()) {
            return Err(self.damaged(&StoreFault::Damaged("a token is not in the vocabulary")));
        }
        if !widths.are_pairs {
            return Ok(None);
        }
        let beyond = u32::try_from(widths.vocabulary).unwrap_or(u32::MAX);
        let second = added.iter().position(|id| *id >= beyond).unwrap_or(added.len());
        added.iter_mut().for_each(|id| *id %= beyond.max(1));
        Ok(Some(second))
    }

    /// Whether the texts are pairs.
    #[must_use]
    pub fn is_of_pairs(&self) -> bool {
        self.header.widths.are_pairs
    }

    /// The class of text `example`.
    ///
    /// # Errors
    /// As [`Self::append_tokens`].
    pub fn label(&self, example: usize) -> Result<u32, DataError> {
        if example >= self.len() {
            return Err(self.no_such(example));
        }
        let width = self.header.widths.label();
        let mut bytes = [0; 4];
        let bytes = bytes.get_mut(..width).unwrap_or_default();
        let at = self.header.labels_at().unwrap_or(u64::MAX);
        self.read(at.saturating_add((example * width) as u64), bytes)?;
        match get(bytes) {
            label if u64::from(label) < self.header.widths.classes => Ok(label),
            _ => Err(self.damaged(&StoreFault::Damaged("a text has a class that there is not"))),
        }
    }

    /// The number of tokens of each text (B).
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// The number of texts that were cut.
    #[must_use]
    pub fn truncated(&self) -> usize {
        usize::try_from(self.header.truncated).unwrap_or(usize::MAX)
    }

    /// The number of tokens of all texts together (N).
    #[must_use]
    pub fn total_tokens(&self) -> usize {
        usize::try_from(self.header.tokens).unwrap_or(usize::MAX)
    }

    /// A number that differs when a token, a border or a label differs. It tells a resumed run that
    /// its data has changed.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.header.fingerprint
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), DataError> {
        self.image.read(at, into).map_err(|fault| self.damaged(&fault))
    }

    fn no_such(&self, example: usize) -> DataError {
        DataError::NoSuchExample { example, examples: self.len() }
    }

    /// A file that cannot be used is removed, so that the next run makes it anew.
    fn damaged(&self, fault: &StoreFault) -> DataError {
        let path = self.image.path().cloned().unwrap_or_default();
        let is_removed = std::fs::remove_file(&path).is_ok();
        ChangedFile::Tokens { path, reason: fault.to_string(), is_removed }.into()
    }
}

/// Texts whose classes are not known yet.
const ANY_CLASS: u64 = 1 << 32;

/// Where each [`STRIDE`]-th text begins, in tokens.
fn starts(lengths: &[u32]) -> Arc<[u64]> {
    let mut before = 0;
    let start = |texts: &[u32]| {
        let start = before;
        before += texts.iter().map(|length| u64::from(*length)).sum::<u64>();
        start
    };
    lengths.chunks(STRIDE).map(start).collect()
}
