//! How many texts of one store are also in another.

use std::collections::{BTreeSet, HashMap};

use twox_hash::XxHash3_128;

use super::{STRIDE, TokenStore, get};
use crate::error::DataError;

/// Texts of a validation set that are also in the training set: texts with the same tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Texts of the validation set.
    pub texts: usize,
    /// Those that are also in the training set.
    pub shared: usize,
    /// Those of them that the training set has with another class only.
    pub contradicting: usize,
}

/// The classes that the training set has for texts with the same tokens.
type Classes = BTreeSet<u32>;

impl Overlap {
    /// Compares the texts of `validation` with those of `train`, whose tokens come from the same tokenizer.
    ///
    /// It takes memory by the size of the validation set, and reads the training set once.
    ///
    /// # Errors
    /// As [`TokenStore::append_tokens`].
    pub fn of(train: &TokenStore, validation: &TokenStore) -> Result<Self, DataError> {
        let mut hashes = Vec::with_capacity(validation.len());
        validation.each_hash(&|_| true, &mut |_, hash| {
            hashes.push(hash);
            Ok(())
        })?;
        let mut twins: HashMap<u128, Classes> =
            hashes.iter().map(|hash| (*hash, Classes::default())).collect();
        let lengths: BTreeSet<u32> = validation.lengths().iter().copied().collect();
        train.each_hash(&|length| lengths.contains(&length), &mut |example, hash| {
            if let Some(classes) = twins.get_mut(&hash) {
                classes.insert(train.label(example)?);
            }
            Ok(())
        })?;
        let mut overlap = Self { texts: hashes.len(), ..Self::default() };
        for (example, hash) in hashes.iter().enumerate() {
            let Some(classes) = twins.get(hash).filter(|classes| !classes.is_empty()) else {
                continue;
            };
            overlap.shared += 1;
            let agrees = classes.contains(&validation.label(example)?);
            overlap.contradicting += usize::from(!agrees);
        }
        Ok(overlap)
    }
}

impl TokenStore {
    /// Gives the number of each text whose length is wanted, and a hash of its tokens.
    fn each_hash(
        &self,
        is_wanted: &dyn Fn(u32) -> bool,
        take: &mut dyn FnMut(usize, u128) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let width = self.header.widths.id();
        let mut bytes = Vec::new();
        for (block, lengths) in self.lengths.chunks(STRIDE).enumerate() {
            if !lengths.iter().any(|length| is_wanted(*length)) {
                continue;
            }
            let start = self.starts.get(block).copied().unwrap_or_default();
            let tokens: usize = lengths.iter().map(|length| *length as usize).sum();
            bytes.resize(tokens * width, 0);
            self.read(start * width as u64, &mut bytes)?;
            let mut rest = &*bytes;
            for (offset, length) in lengths.iter().enumerate() {
                let (text, behind) = rest.split_at(*length as usize * width);
                rest = behind;
                if is_wanted(*length) {
                    take(block * STRIDE + offset, hash(text, width))?;
                }
            }
        }
        Ok(())
    }
}

/// The same for the same tokens, whatever the width of the bytes that hold them.
fn hash(text: &[u8], width: usize) -> u128 {
    let tokens: Vec<u8> = text.chunks_exact(width).flat_map(|id| get(id).to_le_bytes()).collect();
    XxHash3_128::oneshot(&tokens)
}
