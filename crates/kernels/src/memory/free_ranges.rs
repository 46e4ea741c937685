//! Address ranges that are free: neighbours are joined, and the smallest that fits is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Disjoint ranges of which no two touch. Its nodes are small, so a block in here is never asked
/// for while one is being served.
#[derive(Debug, Default)]
pub(super) struct FreeRanges {
    /// The length of each range by its start.
    lengths: BTreeMap<usize, usize>,
    /// Length and start of each range.
    by_length: BTreeSet<(usize, usize)>,
    /// The lengths of all ranges together.
    total: usize,
}

impl FreeRanges {
    /// No range.
    pub(super) const fn new() -> Self {
        Self { lengths: BTreeMap::new(), by_length: BTreeSet::new(), total: 0 }
    }

    /// The lengths of all ranges together.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Takes `length` bytes from the start of the shortest range that has so many.
    pub(super) fn take(&mut self, length: usize) -> Option<usize> {
        let &(found, start) = self.by_length.range((length, 0)..).next()?;
        self.remove(start..start + found);
        self.insert(start + length..start + found);
        Some(start)
    }

    /// Adds a range that overlaps none of these.
    pub(super) fn put(&mut self, range: Range<usize>) {
        let Range { mut start, mut end } = range;
        let below = self.lengths.range(..start).next_back();
        if let Some((&below, &length)) = below.filter(|(below, length)| *below + *length == start) {
            self.remove(below..below + length);
            start = below;
        }
        if let Some(&length) = self.lengths.get(&end) {
            self.remove(end..end + length);
            end += length;
        }
        self.insert(start..end);
    }

    /// Takes out any one range, whole.
    pub(super) fn pop(&mut self) -> Option<Range<usize>> {
        let (&start, &length) = self.lengths.last_key_value()?;
        self.remove(start..start + length);
        Some(start..start + length)
    }

    fn insert(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            self.lengths.insert(range.start, range.len());
            self.by_length.insert((range.len(), range.start));
            self.total += range.len();
        }
    }

    fn remove(&mut self, range: Range<usize>) {
        self.lengths.remove(&range.start);
        self.by_length.remove(&(range.len(), range.start));
        self.total -= range.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(put: &[Range<usize>], length: usize, taken: Option<usize>, left: &[(usize, usize)]) {
        let mut free = FreeRanges::new();
        put.iter().for_each(|range| free.put(range.clone()));
        assert_eq!(free.take(length), taken, "{put:?}");
        assert_eq!(free.lengths, left.iter().copied().collect(), "{put:?}");
        assert_eq!(free.by_length, left.iter().map(|(start, length)| (*length, *start)).collect());
        assert_eq!(free.total(), left.iter().map(|(_, length)| length).sum::<usize>());
        while free.pop().is_some() {}
        assert_eq!(free.total(), 0);
    }

    #[test]
    fn neighbours_are_joined_and_the_smallest_that_fits_is_taken() {
        check(&[], 1, None, &[]);
        check(&[0..4, 10..12, 20..25], 2, Some(10), &[(0, 4), (20, 5)]);
        check(&[0..4, 10..12, 20..25], 3, Some(0), &[(3, 1), (10, 2), (20, 5)]);
        check(&[0..4, 10..12, 20..25], 6, None, &[(0, 4), (10, 2), (20, 5)]);
        check(&[0..4, 8..12, 4..8], 12, Some(0), &[]);
        check(&[8..12, 4..8], 6, Some(4), &[(10, 2)]);
        check(&[4..8, 8..12], 9, None, &[(4, 8)]);
        check(&[4..8, 9..12], 5, None, &[(4, 4), (9, 3)]);
    }
}
