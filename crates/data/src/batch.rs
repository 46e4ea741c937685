//! Packed batches: texts one after the other, with no padding between them.
//!
//! Of a batch of SST-2 padded to 128, nine tokens in ten would be padding.

use crate::error::DataError;
use crate::token_store::TokenStore;

/// The texts of one step on one rank. B examples, N tokens; both may be 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    ids: Vec<u32>,
    positions: Vec<u32>,
    token_types: Vec<u32>,
    offsets: Vec<usize>,
    labels: Vec<u32>,
    examples: Vec<u64>,
}

impl Batch {
    /// Packs the texts of `store` at the places `examples`, in this order.
    ///
    /// # Errors
    /// [`DataError::NoSuchExample`] for a place outside the store; [`DataError::Changed`] for a store
    /// whose file was damaged.
    pub fn pack(store: &TokenStore, examples: &[usize]) -> Result<Self, DataError> {
        let mut batch = Self {
            ids: Vec::new(),
            positions: Vec::new(),
            token_types: Vec::new(),
            offsets: vec![0],
            labels: Vec::with_capacity(examples.len()),
            examples: examples.iter().map(|&example| example as u64).collect(),
        };
        for &example in examples {
            let begin = batch.ids.len();
            let second = store.append_tokens(example, &mut batch.ids)?;
            let length = batch.ids.len() - begin;
            batch.positions.extend((0_u32..).take(length));
            if let Some(second) = second {
                batch.token_types.extend((0..length).map(|place| u32::from(place >= second)));
            }
            batch.offsets.push(batch.ids.len());
            batch.labels.push(store.label(example)?);
        }
        Ok(batch)
    }

    /// The token numbers (N).
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The place of each token in its text (N).
    #[must_use]
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// The token type of each token (N): 1 in the second text of a pair, else 0. Empty where no text is
    /// a pair.
    #[must_use]
    pub fn token_types(&self) -> &[u32] {
        &self.token_types
    }

    /// Where each text begins, and at the end where the last one ends (B+1).
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The class of each text (B).
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The place of each text in its corpus (B); what is dropped from a text follows from it.
    #[must_use]
    pub fn examples(&self) -> &[u64] {
        &self.examples
    }

    /// The number N of tokens.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// The number B of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no text: a rank's share of a small batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}
