//! Asking for the next block's memory while the present one is multiplied.
//!
//! Weights come from main memory. Read only when they are packed, they would hold up the processor
//! for a tenth to a fifth of a product of few rows; asked for line by line between the
//! multiplications, they lie in the second-level cache when their turn comes.

use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

use crate::cpu::matrix::Matrix;

/// f32 values in one line of the cache.
const VALUES: usize = 16;

/// The lines of a block, shared out to the tiles that are computed before it.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    start: *const f32,
    // Values from one stretch of memory to the next, and how many stretches there are.
    stride: usize,
    stretches: usize,
    // How many lines a stretch covers, and in how many runs their column is cut.
    lines: usize,
    runs: usize,
}

impl Ahead {
    /// Shares out `block` to `tiles` tiles.
    pub(super) fn new(block: Matrix, tiles: usize) -> Self {
        let (stretches, values, stride) = if block.column_stride == 1 {
            (block.rows, block.columns, block.row_stride)
        } else {
            (block.columns, block.rows, block.column_stride)
        };
        let lines = values.div_ceil(VALUES);
        let runs = (tiles / lines.max(1)).max(1);
        Self { start: block.start(), stride, stretches, lines, runs }
    }

    /// The lines that tile `i` asks for: one of each stretch in a range of stretches.
    pub(super) fn run(&self, i: usize) -> Run {
        let (line, part) = (i / self.runs, i % self.runs);
        if line >= self.lines {
            return Run::default();
        }
        let len = self.stretches.div_ceil(self.runs);
        let first = (part * len).min(self.stretches);
        let left = len.min(self.stretches - first);
        let next = self.start.wrapping_add(first * self.stride + line * VALUES);
        Run { next: next.cast(), step: self.stride * size_of::<f32>(), left }
    }
}

/// Lines at equal distances.
pub(super) struct Run {
    next: *const i8,
    step: usize,
    left: usize,
}

impl Default for Run {
    /// No lines.
    fn default() -> Self {
        Self { next: std::ptr::null(), step: 0, left: 0 }
    }
}

impl Run {
    /// Asks for one more line, if any is left.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn ask(&mut self) {
        if self.left > 0 {
            _mm_prefetch::<_MM_HINT_T1>(self.next);
            self.next = self.next.wrapping_add(self.step);
            self.left -= 1;
        }
    }
}
