//! Which address ranges are in use, free, or were never touched.

use std::ops::Range;

use super::free_ranges::FreeRanges;
use super::pages;

/// Blocks are whole numbers of it; a multiple of every page size.
pub(super) const UNIT: usize = 64 << 10;

/// The kernel is asked for so much at a time, or for more when one block needs more.
const CHUNK: usize = 64 << 20;

/// Of what is in use, the share that may stay free when more is asked for.
const KEPT_SHARE: usize = 4;

/// The ranges of all mappings. Lengths are multiples of [`UNIT`].
#[derive(Debug)]
pub(super) struct Pool {
    /// Given back by the program, and kept with their pages.
    free: FreeRanges,
    /// Mapped and never handed out: zero, and without pages yet. It is used from its upper end, so
    /// that the next chunk, which is mapped below, extends it.
    fresh: Range<usize>,
    /// What the program has.
    in_use: usize,
}

/// A range handed out.
pub(super) struct Block {
    pub(super) start: usize,
    /// Whether all of it is known to be zero.
    pub(super) is_zero: bool,
}

impl Pool {
    /// No mapping.
    pub(super) const fn new() -> Self {
        Self { free: FreeRanges::new(), fresh: 0..0, in_use: 0 }
    }

    /// A range of `length` bytes; none when the kernel has no more.
    pub(super) fn take(&mut self, length: usize) -> Option<Block> {
        let block = match self.free.take(length) {
            Some(start) => Block { start, is_zero: false },
            None => Block { start: self.take_fresh(length)?, is_zero: true },
        };
        self.in_use += length;
        Some(block)
    }

    /// Takes back a range that was handed out, or the end of one.
    pub(super) fn put(&mut self, range: Range<usize>) {
        self.in_use -= range.len();
        self.free.put(range);
    }

    fn take_fresh(&mut self, length: usize) -> Option<usize> {
        if self.fresh.len() < length {
            self.grow(length)?;
        }
        self.fresh.end -= length;
        Some(self.fresh.end)
    }

    fn grow(&mut self, length: usize) -> Option<()> {
        if self.free.total() > self.in_use / KEPT_SHARE {
            self.give_back();
        }
        let chunk = pages::map(length.max(CHUNK).checked_next_multiple_of(pages::HUGE_PAGE)?)?;
        if chunk.end == self.fresh.start {
            self.fresh.start = chunk.start;
        } else {
            self.free.put(std::mem::replace(&mut self.fresh, chunk));
        }
        Some(())
    }

    fn give_back(&mut self) {
        let mut refused = FreeRanges::new();
        while let Some(range) = self.free.pop() {
            if !pages::unmap(range.clone()) {
                refused.put(range);
            }
        }
        self.free = refused;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut pool = Pool::new();
        let put = |pool: &mut Pool, mebibytes: &[usize]| {
            let taken: Vec<_> =
                mebibytes.iter().map(|n| (pool.take(n * MIB).unwrap().start, n * MIB)).collect();
            taken.into_iter().for_each(|(start, length)| pool.put(start..start + length));
        };
        put(&mut pool, &[100, 50]);
        assert_eq!(pool.free.total(), 150 * MIB, "all is kept while nothing else is wanted");
        put(&mut pool, &[60, 60, 30]);
        assert_eq!(pool.free.total(), 150 * MIB, "and is used again");
        put(&mut pool, &[300]);
        assert_eq!(pool.free.total(), 300 * MIB, "what is of no use goes back");
        assert_eq!(pool.in_use, 0);
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let mut pool = Pool::new();
        for length in [isize::MAX as usize / UNIT * UNIT, usize::MAX / UNIT * UNIT] {
            assert!(pool.take(length).is_none());
        }
        assert!(pool.take(UNIT).is_some());
    }
}
