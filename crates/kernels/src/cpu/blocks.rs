//! New values, written in fixed blocks by many threads.
//!
//! A block's size depends on the shape alone and its result on nothing outside of it, so the values
//! are the same bits on any number of threads. A block is cleared just before it is written, while
//! it fits the cache: memory is never read uninitialised and is crossed only once.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// About this many values make a block: 64 KiB, well within a core's own cache.
const VALUES: usize = 16 * 1024;

/// The rows of a block of rows of `width` values.
pub(crate) fn rows(width: usize) -> usize {
    (VALUES / width.max(1)).max(1)
}

/// `len` values, written by `write(start, block)` in blocks of whole rows of `width`.
pub(crate) fn filled(
    len: usize,
    width: usize,
    write: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    filled_with(len, width, write).0
}

/// Like [`filled`]; also what `write` returned for each block, in the order of the blocks.
pub(crate) fn filled_with<R: Send>(
    len: usize,
    width: usize,
    write: impl Fn(usize, &mut [f32]) -> R + Sync,
) -> (Vec<f32>, Vec<R>) {
    let block_len = rows(width) * width.max(1);
    let mut values = Vec::with_capacity(len);
    let results = values.spare_capacity_mut()[..len]
        .par_chunks_mut(block_len)
        .enumerate()
        .map(|(i, block)| write(i * block_len, cleared(block)))
        .collect();
    // SAFETY: the capacity is at least `len`, and `cleared` ran on every block of these values.
    #[expect(unsafe_code, reason = "values are written in place, without clearing them all first")]
    unsafe {
        values.set_len(len);
    }
    (values, results)
}

/// As many values as `beside` has, written by `write(start, block, block of beside)`, which may
/// change both, in blocks of whole rows of `width`.
pub(crate) fn filled_beside(
    beside: &mut [f32],
    width: usize,
    write: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    let (len, block_len) = (beside.len(), rows(width) * width.max(1));
    let mut values = Vec::with_capacity(len);
    values.spare_capacity_mut()[..len]
        .par_chunks_mut(block_len)
        .zip(beside.par_chunks_mut(block_len))
        .enumerate()
        .for_each(|(i, (block, beside))| write(i * block_len, cleared(block), beside));
    // SAFETY: the capacity is at least `len`, and `cleared` ran on every block of these values.
    #[expect(unsafe_code, reason = "values are written in place, without clearing them all first")]
    unsafe {
        values.set_len(len);
    }
    values
}

/// `len` zeros, cleared by all threads.
pub(crate) fn zeros(len: usize) -> Vec<f32> {
    filled(len, 1, |_, _| ())
}

fn cleared(block: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    block.fill(MaybeUninit::new(0.0));
    // SAFETY: every value was just initialised, and MaybeUninit<f32> has the layout of f32.
    #[expect(unsafe_code, reason = "the slice was initialised by the line above")]
    unsafe {
        &mut *(std::ptr::from_mut(block) as *mut [f32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_written_once() {
        fn check(rows: usize, width: usize) {
            let (values, blocks) = filled_with(rows * width, width, |start, block| {
                assert!(start.is_multiple_of(width) && block.len().is_multiple_of(width));
                for (i, value) in block.iter_mut().enumerate() {
                    *value += (start + i) as f32;
                }
                block.len()
            });
            assert!(values.iter().enumerate().all(|(i, &value)| value == i as f32));
            assert_eq!(blocks.iter().sum::<usize>(), rows * width);
        }
        for (rows, width) in [(0, 5), (1, 1), (7, 33), (1000, 100), (3, 40_000)] {
            check(rows, width);
        }
    }
}
