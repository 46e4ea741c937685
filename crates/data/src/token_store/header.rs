//! The first bytes of a token file, from which all its other places follow.
//!
//! ```text
//! 0     header: mark, then 64-bit words, then their hash
//! 4096  body: ids of all texts, one after the other │ tokens of each text │ class of each text
//!       hash of each block of the body, 128 bits each
//! ```
//!
//! A token of the second text of a pair is its id plus the size of the vocabulary.
//!
//! All numbers are little-endian. The last word of the header is written when everything else is on the
//! disk, and the file has its name only then.

use twox_hash::XxHash3_128;

use super::fault::StoreFault;

/// Where the body begins.
pub(super) const BODY: u64 = 4096;
/// Bytes of the body that have one hash.
pub(super) const BLOCK: usize = 64 << 10;
/// Bytes of a hash.
pub(super) const HASH: usize = 16;

const MARK: [u8; 8] = *b"LSTOKENS";
/// Changes whenever a file means something else than before.
pub(crate) const VERSION: u64 = 2;
const WORDS: usize = 14;
/// Bytes of the header: mark, words, hash.
pub(super) const HEADER: usize = 8 + 8 * WORDS + HASH;

/// What a token file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// What its texts, its tokenizer and its settings hash to.
    pub(super) key: u128,
    /// Texts (B).
    pub(super) texts: u64,
    /// Tokens of all texts (N).
    pub(super) tokens: u64,
    /// Texts that were cut.
    pub(super) truncated: u64,
    /// See [`super::TokenStore::fingerprint`].
    pub(super) fingerprint: u64,
    /// How its numbers are written.
    pub(super) widths: Widths,
    /// The hash of the hashes of all blocks.
    pub(super) hashes: u128,
}

/// Bytes of a number in each part of the body, and what the numbers stay below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Widths {
    /// Ids are below it (V).
    pub(super) vocabulary: u64,
    /// The most tokens of a text.
    pub(super) longest: u64,
    /// Classes are below it (K).
    pub(super) classes: u64,
    /// Whether texts are pairs: a token of a second text is then written as its id plus V.
    pub(super) are_pairs: bool,
}

/// Bytes that hold each number below `bound`.
fn width(bound: u64) -> usize {
    match bound {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

impl Widths {
    /// What tokens are written as is below it.
    pub(super) fn ids(self) -> u64 {
        self.vocabulary.saturating_mul(if self.are_pairs { 2 } else { 1 })
    }

    /// Bytes of a token.
    pub(super) fn id(self) -> usize {
        width(self.ids()).max(2)
    }

    /// Bytes of a number of tokens.
    pub(super) fn length(self) -> usize {
        width(self.longest.saturating_add(1))
    }

    /// Bytes of a class.
    pub(super) fn label(self) -> usize {
        width(self.classes)
    }
}

/// Writes `value` in `width` bytes, of which it needs no more.
pub(super) fn put(bytes: &mut Vec<u8>, value: u32, width: usize) {
    bytes.extend_from_slice(&value.to_le_bytes()[..width.min(4)]);
}

/// The number that these bytes, at most four, hold.
pub(super) fn get(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

impl Header {
    /// Where the lengths begin in the body.
    pub(super) fn lengths_at(&self) -> Option<u64> {
        self.tokens.checked_mul(self.widths.id() as u64)
    }

    /// Where the labels begin in the body.
    pub(super) fn labels_at(&self) -> Option<u64> {
        let lengths = self.texts.checked_mul(self.widths.length() as u64)?;
        self.lengths_at()?.checked_add(lengths)
    }

    /// Bytes of the body.
    pub(super) fn body(&self) -> Option<u64> {
        let labels = self.texts.checked_mul(self.widths.label() as u64)?;
        self.labels_at()?.checked_add(labels)
    }

    /// Bytes of the whole file.
    pub(super) fn file(&self) -> Option<u64> {
        let body = self.body()?;
        let hashes = body.div_ceil(BLOCK as u64).checked_mul(HASH as u64)?;
        BODY.checked_add(body)?.checked_add(hashes)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let [key, hashes] = [self.key, self.hashes].map(halves);
        let Widths { vocabulary, longest, classes, are_pairs } = self.widths;
        let words: [u64; WORDS] = [
            VERSION,
            key[0],
            key[1],
            self.texts,
            self.tokens,
            self.truncated,
            self.fingerprint,
            vocabulary,
            longest,
            classes,
            u64::from(are_pairs),
            BLOCK as u64,
            hashes[0],
            hashes[1],
        ];
        let mut bytes = MARK.to_vec();
        words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        let hash = XxHash3_128::oneshot(&bytes);
        bytes.extend_from_slice(&hash.to_le_bytes());
        bytes
    }

    /// # Errors
    /// [`StoreFault::Damaged`] for bytes that [`Self::encode`] does not write.
    pub(super) fn decode(bytes: &[u8; HEADER]) -> Result<Self, StoreFault> {
        let (start, hash) = bytes.split_at(HEADER - HASH);
        let (mark, words) = start.split_at(MARK.len());
        if mark != MARK {
            return Err(StoreFault::Damaged("it does not begin as a token file does"));
        }
        if hash != XxHash3_128::oneshot(start).to_le_bytes() {
            return Err(StoreFault::Damaged("its header is damaged"));
        }
        let mut words = words.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let mut word = || words.next().unwrap_or_default();
        let version = word();
        let key = whole([word(), word()]);
        let header = Self {
            key,
            texts: word(),
            tokens: word(),
            truncated: word(),
            fingerprint: word(),
            widths: Widths {
                vocabulary: word(),
                longest: word(),
                classes: word(),
                are_pairs: word() != 0,
            },
            ..Self::default()
        };
        let block = word();
        if (version, block) != (VERSION, BLOCK as u64) {
            return Err(StoreFault::Damaged("another version of lockstep wrote it"));
        }
        Ok(Self { hashes: whole([word(), word()]), ..header })
    }
}

/// The high half, then the low one.
fn halves(number: u128) -> [u64; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "the half that is meant")]
    [(number >> 64) as u64, number as u64]
}

fn whole([high, low]: [u64; 2]) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let widths = Widths { vocabulary: 30_522, longest: 128, classes: 77, are_pairs: true };
        let header = Header {
            key: 7 << 100 | 3,
            texts: 5,
            tokens: 60,
            hashes: 1 << 90,
            widths,
            ..Header::default()
        };
        let bytes: [u8; HEADER] = header.encode().try_into().unwrap();
        assert_eq!(Header::decode(&bytes).unwrap(), header);
        assert_eq!((widths.id(), widths.length(), widths.label()), (2, 1, 1));
        assert_eq!(header.file(), Some(BODY + 60 * 2 + 5 + 5 + 16));
        for place in 0..HEADER {
            let mut bytes = bytes;
            bytes[place] ^= 1;
            assert!(Header::decode(&bytes).is_err(), "{place}");
        }
    }

    #[test]
    fn numbers_take_the_bytes_that_they_need() {
        for (value, width) in [(0, 1), (255, 1), (256, 2), (65_535, 2), (1 << 31, 4)] {
            let mut bytes = Vec::new();
            put(&mut bytes, value, width);
            assert_eq!((bytes.len(), get(&bytes)), (width, value));
        }
    }

    #[test]
    fn sizes_that_no_file_has_are_seen() {
        let header = Header { tokens: u64::MAX, ..Header::default() };
        assert_eq!(header.file(), None);
    }
}
