//! The inner loop: a tile of 8 rows and 48 columns of the result, its sums in 24 registers.
//!
//! One step takes three registers of the right factor and eight pairs of the left one, each copied
//! to all lanes: 11 loads for 24 multiplications, where the processor does two of either a cycle.
//! The instruction adds the product of the second values of each pair, then that of the first
//! (Intel Intrinsics Guide, `_mm512_dpbf16_ps`); values below the normal range count as zero.

use std::arch::x86_64::*;
use std::array;

use super::ahead::Run;
use super::scratch::{Line, PAIRS};
use crate::cpu::operands::Held;

/// Rows of a tile.
pub(super) const ROWS: usize = 8;
/// Columns of a tile.
pub(super) const COLUMNS: usize = 48;
/// Pairs of a panel come in multiples of this.
pub(super) const UNROLLED: usize = 4;

const REGISTERS: usize = COLUMNS / 16;

type Sums = [[__m512; REGISTERS]; ROWS];

/// A panel of each factor: for each pair of the inner dimension, [`ROWS`] and [`COLUMNS`] pairs.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    /// One panel of the left factor.
    pub(super) left: &'a [Line],
    /// One panel of the right factor.
    pub(super) right: &'a [Line],
}

/// A rectangle of the result, at most a tile.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) start: *mut f32,
    pub(super) row_stride: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// How sums become results.
#[derive(Clone, Copy)]
pub(super) struct Finish {
    pub(super) scale: f32,
    pub(super) held: Held,
}

/// Multiplies two panels and stores or adds the tile.
///
/// # Safety
///
/// `place` is memory that nothing else reads or writes meanwhile.
#[expect(unsafe_code, reason = "the rectangles of threads interlace, which slices cannot express")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) unsafe fn multiply(panels: Panels, place: Place, finish: Finish, ahead: Run) {
    // Other tiles of the strip have pushed these lines out; the sums take long enough to get them.
    for row in 0..place.rows {
        for line in 0..REGISTERS {
            let line = place.start.wrapping_add(row * place.row_stride + line * 16);
            _mm_prefetch::<_MM_HINT_T0>(line.cast());
        }
    }
    let sums = sums(panels, ahead);
    if place.rows == ROWS && place.columns == COLUMNS {
        // SAFETY: as the caller promises; constants let the compiler unroll and drop the masks.
        unsafe { write(&sums, Place { rows: ROWS, columns: COLUMNS, ..place }, finish) };
    } else {
        // SAFETY: as the caller promises.
        unsafe { write_part(&sums, place, finish) };
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn sums(panels: Panels, mut ahead: Run) -> Sums {
    let pairs = panels.left.len() * PAIRS / ROWS;
    assert!(pairs.is_multiple_of(UNROLLED) && panels.right.len() == pairs * REGISTERS);
    let mut sums = [[_mm512_setzero_ps(); REGISTERS]; ROWS];
    let mut left: *const i32 = panels.left.as_ptr().cast();
    let mut right: *const i32 = panels.right.as_ptr().cast();
    for _ in 0..pairs / UNROLLED {
        ahead.ask();
        for _ in 0..UNROLLED {
            // SAFETY: each step moves on by one pair of either panel; the panels hold `pairs`.
            #[expect(unsafe_code, reason = "loads take addresses")]
            unsafe {
                step(&mut sums, left, right);
                left = left.add(ROWS);
                right = right.add(COLUMNS);
            }
        }
    }
    sums
}

/// Adds the products of one pair of each of [`ROWS`] rows and [`COLUMNS`] columns.
///
/// # Safety
///
/// `left` and `right` hold as many pairs; `right` starts a line.
#[expect(unsafe_code, reason = "loads take addresses")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn step(sums: &mut Sums, left: *const i32, right: *const i32) {
    let right: [__m512bh; REGISTERS] = array::from_fn(|i| {
        // SAFETY: as the caller promises.
        bf16(unsafe { _mm512_load_si512(right.add(16 * i).cast()) })
    });
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: as the caller promises.
        let left = bf16(_mm512_set1_epi32(unsafe { *left.add(row) }));
        for (sum, right) in sums.iter_mut().zip(right) {
            *sum = _mm512_dpbf16_ps(*sum, left, right);
        }
    }
}

/// The same bits as 16 pairs of bf16.
#[inline(always)]
fn bf16(bits: __m512i) -> __m512bh {
    // SAFETY: both types are 64 bytes, of which any will do.
    #[expect(unsafe_code, reason = "no intrinsic converts between the two")]
    unsafe {
        std::mem::transmute(bits)
    }
}

// Never inlined, so that the loops of whole tiles stay free of masks.
#[expect(unsafe_code, reason = "as `write`")]
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn write_part(sums: &Sums, place: Place, finish: Finish) {
    // SAFETY: as the caller promises.
    unsafe { write(sums, place, finish) };
}

/// # Safety
///
/// `place` is memory that nothing else reads or writes meanwhile.
#[expect(unsafe_code, reason = "stores take addresses")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn write(sums: &Sums, place: Place, finish: Finish) {
    let scale = _mm512_set1_ps(finish.scale);
    for (row, sums) in sums.iter().enumerate().take(place.rows) {
        for (i, &sum) in sums.iter().enumerate() {
            let mask = first(place.columns.saturating_sub(16 * i));
            let at = place.start.wrapping_add(row * place.row_stride + 16 * i);
            // SAFETY: the mask lets only columns of `place` be read or written.
            unsafe {
                let value = match finish.held {
                    Held::Replaced => _mm512_mul_ps(sum, scale),
                    Held::Kept => _mm512_fmadd_ps(sum, scale, _mm512_maskz_loadu_ps(mask, at)),
                };
                _mm512_mask_storeu_ps(at, mask, value);
            }
        }
    }
}

/// A mask of the first `count` lanes, at most all 16.
#[inline(always)]
pub(super) fn first(count: usize) -> __mmask16 {
    if count >= 16 { !0 } else { (1 << count) - 1 }
}
