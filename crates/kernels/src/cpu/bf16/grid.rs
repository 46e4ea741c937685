//! Where a product is cut: the inner dimension into blocks, the result into tasks.
//!
//! Only the blocks of the inner dimension decide in which order an element is summed, so they depend
//! on its length alone; the tasks depend on the number of threads, too.

use std::ops::Range;

use super::scratch::PAIRS;
use super::tile::{COLUMNS, Place, ROWS, UNROLLED};
use crate::cpu::matrix::Tile;
use crate::cpu::operands::Workers;

/// The greatest depth of a block: a left panel takes at most 16 KiB of the 32 to 48 KiB of L1.
const DEPTH: usize = 1024;
/// Columns of a strip: its packed block and the next one's f32 values share 1 MiB of L2.
const STRIP: usize = 2 * COLUMNS;
/// Fewer rows than these are not worth packing a right block for.
const FEWEST_ROWS: usize = 128;
/// Strips or parts of them for each thread, so that none waits long for the last one.
const TASKS_PER_THREAD: usize = 4;

/// Blocks of equal depth as far as possible; one empty block if there is no depth.
pub(super) fn blocks(depth: usize) -> Vec<Range<usize>> {
    let count = depth.div_ceil(DEPTH).max(1);
    let len = depth.div_ceil(count).next_multiple_of(2 * UNROLLED);
    (0..count).map(|i| (i * len).min(depth)..((i + 1) * len).min(depth)).collect()
}

/// Pairs of a packed block, with those that fill it up; an empty block is packed as zeros.
pub(super) fn pairs(block: &Range<usize>) -> usize {
    block.len().div_ceil(2).next_multiple_of(UNROLLED).max(UNROLLED)
}

/// Lines of a packed block of `lanes` lanes, filled up to a multiple of `width`.
pub(super) fn lines(lanes: usize, width: usize, block: &Range<usize>) -> usize {
    lanes.next_multiple_of(width) * pairs(block) / PAIRS
}

/// The result's memory, cut into parts of strips of columns.
pub(super) struct Grid {
    start: *mut f32,
    row_stride: usize,
    rows: usize,
    columns: usize,
    part: usize,
    strip: usize,
}

// SAFETY: a grid lives only while a product borrows its result exclusively, and tasks write disjoint
// parts of it.
#[expect(unsafe_code, reason = "the parts of tasks interlace, which slices cannot express")]
unsafe impl Sync for Grid {}

impl Grid {
    /// Cuts a result for those who work on it.
    pub(super) fn new(target: &mut Tile, workers: Workers) -> Self {
        let (rows, columns) = (target.rows, target.columns);
        let strips = columns.div_ceil(STRIP).max(1);
        let threads = match workers {
            Workers::One => 1,
            Workers::All => rayon::current_num_threads(),
        };
        let wanted = (TASKS_PER_THREAD * threads).div_ceil(strips);
        let parts = wanted.min(rows / FEWEST_ROWS).max(1);
        Self {
            start: target.start(),
            row_stride: target.row_stride,
            rows,
            columns,
            part: rows.div_ceil(parts).next_multiple_of(ROWS).max(ROWS),
            strip: columns.div_ceil(strips).next_multiple_of(COLUMNS).max(COLUMNS),
        }
    }

    /// How many tasks there are.
    pub(super) fn tasks(&self) -> usize {
        self.rows.div_ceil(self.part) * self.strips()
    }

    /// The rows and columns of a task; none beyond the last one.
    pub(super) fn area(&self, task: usize) -> (Range<usize>, Range<usize>) {
        let (part, strip) = (task / self.strips(), task % self.strips());
        let range = |i: usize, len: usize, end: usize| (i * len).min(end)..((i + 1) * len).min(end);
        (range(part, self.part, self.rows), range(strip, self.strip, self.columns))
    }

    /// The tile that starts with an element.
    pub(super) fn place(&self, row: usize, column: usize) -> Place {
        Place {
            start: self.start.wrapping_add(row * self.row_stride + column),
            row_stride: self.row_stride,
            rows: ROWS.min(self.rows - row),
            columns: COLUMNS.min(self.columns - column),
        }
    }

    fn strips(&self) -> usize {
        self.columns.div_ceil(self.strip)
    }
}
