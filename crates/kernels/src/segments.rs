//! Where each example begins and ends in a packed stream of rows.
//!
//! Nothing is padded: the rows of all examples lie one after the other, and attention and pooling
//! look at one segment at a time. A segment may be empty.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Result, bail};

/// The borders of B consecutive segments of rows; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    // (B+1), from 0, never falling. Shared by the layers of a model and by their backward.
    offsets: Arc<[usize]>,
}

impl Segments {
    /// The segments `offsets[i]..offsets[i + 1]`.
    ///
    /// # Errors
    /// When the offsets are empty, do not start with 0 or fall somewhere.
    pub fn new(offsets: &[usize]) -> Result<Self> {
        match offsets.first() {
            None => bail!("segments: no offsets; give one border more than there are segments"),
            Some(&first) if first != 0 => bail!("segments: the first offset is {first}, not 0"),
            Some(_) => {}
        }
        for (i, pair) in offsets.windows(2).enumerate() {
            let &[start, end] = pair else { continue };
            if end < start {
                bail!("segments: segment {i} ends at row {end}, before its start at row {start}");
            }
        }
        Ok(Self { offsets: offsets.into() })
    }

    /// `count` segments of one row each.
    #[must_use]
    pub fn each_one(count: usize) -> Self {
        Self { offsets: (0..=count).collect() }
    }

    /// The number of segments, B.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no segment at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of rows of all segments together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.offsets.last().copied().unwrap_or(0)
    }

    /// The rows of segment `i`, which must be below [`len`](Self::len) as for a slice's index.
    #[must_use]
    pub fn range(&self, i: usize) -> Range<usize> {
        self.offsets[i]..self.offsets[i + 1]
    }

    /// The rows of each segment in turn.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        (0..self.len()).map(|i| self.range(i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_ranges() {
        let segments = Segments::new(&[0, 3, 3, 5]).unwrap();
        assert_eq!(segments.iter().collect::<Vec<_>>(), [0..3, 3..3, 3..5]);
        assert_eq!((segments.len(), segments.total(), segments.is_empty()), (3, 5, false));
        assert_eq!(Segments::each_one(2), Segments::new(&[0, 1, 2]).unwrap());
        assert!(Segments::new(&[0]).unwrap().is_empty());
    }

    #[test]
    fn impossible_offsets_are_named() {
        fn check(offsets: &[usize], message: &str) {
            let error = Segments::new(offsets).unwrap_err().to_string();
            assert!(error.contains(message), "{offsets:?}: expected {message:?}, got {error:?}");
        }
        check(&[], "no offsets");
        check(&[1, 2], "first offset is 1");
        check(&[0, 4, 2], "segment 1 ends at row 2, before its start at row 4");
    }
}
