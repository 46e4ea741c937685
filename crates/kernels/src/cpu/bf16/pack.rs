//! Rounding a block of a factor to bf16 and laying it out as the inner loop reads it.
//!
//! A block has lanes and a depth: rows and columns of the left factor, columns and rows of the
//! right one. Packed, it is a sequence of panels of `WIDTH` lanes; a panel has, for each pair of
//! consecutive depths, the pairs of its lanes side by side. Lanes and depths that the last panel
//! and the last pairs lack are zero. Where the depth runs along memory, sixteen lanes are
//! transposed in registers; where the lanes do, two depths are interlaced.

use std::arch::x86_64::*;
use std::ops::Range;

use super::scratch::{Line, PAIRS};
use super::tile::first;
use crate::cpu::matrix::Matrix;

/// Lanes that are packed together: those of a register of pairs.
pub(super) const GROUP: usize = 16;

/// Packs a block, lanes × depth, into panels of `pairs` pairs; `to` has room for all its groups.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(super) fn pack<const WIDTH: usize>(block: Matrix, pairs: usize, to: &mut [Line]) {
    let groups = to.len() * PAIRS / (pairs * GROUP);
    assert!(block.rows <= groups * GROUP && block.columns <= 2 * pairs);
    assert!(to.len() == groups * pairs && (groups * GROUP).is_multiple_of(WIDTH));
    let mut panels = Panels::<WIDTH> { start: to.as_mut_ptr().cast(), pairs };
    // Few depths at a time, so that their lines serve all groups while they are in the cache.
    for start in (0..pairs).step_by(GROUP) {
        let depths = start..(start + GROUP).min(pairs);
        for group in 0..groups {
            if block.column_stride == 1 {
                along(block, group, &depths, &mut panels);
            } else {
                assert_eq!(block.row_stride, 1);
                across(block, group, &depths, &mut panels);
            }
        }
    }
}

/// Packs at most 16 pairs of 16 lanes, each of which lies along memory.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn along<const WIDTH: usize>(
    block: Matrix,
    group: usize,
    pairs: &Range<usize>,
    panels: &mut Panels<WIDTH>,
) {
    let depth = 2 * pairs.start;
    let left = block.columns.saturating_sub(depth);
    let mut rows = [_mm512_setzero_si512(); GROUP];
    for (i, row) in rows.iter_mut().enumerate() {
        let lane = group * GROUP + i;
        if lane < block.rows {
            let at = block.start().wrapping_add(lane * block.row_stride + depth);
            *row = rounded(load(at, left), load(at.wrapping_add(16), left.saturating_sub(16)));
        }
    }
    for (pair, lanes) in pairs.clone().zip(transposed(rows)) {
        panels.put(group, pair, lanes);
    }
}

/// Packs at most 16 pairs of 16 lanes that lie side by side in memory.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn across<const WIDTH: usize>(
    block: Matrix,
    group: usize,
    pairs: &Range<usize>,
    panels: &mut Panels<WIDTH>,
) {
    let lanes = block.rows.saturating_sub(group * GROUP);
    let lanes_at = |depth: usize| {
        let at = block.start().wrapping_add(group * GROUP + depth * block.column_stride);
        load(at, if depth < block.columns { lanes } else { 0 })
    };
    let order = interlacing();
    for pair in pairs.clone() {
        let both = rounded(lanes_at(2 * pair), lanes_at(2 * pair + 1));
        panels.put(group, pair, _mm512_permutexvar_epi16(order, both));
    }
}

/// The first `count` values at an address, at most 16, and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn load(at: *const f32, count: usize) -> __m512 {
    // SAFETY: callers count the values of the block that follow; no others are read.
    #[expect(unsafe_code, reason = "loads take addresses")]
    unsafe {
        _mm512_maskz_loadu_ps(first(count), at)
    }
}

/// 32 values as bf16, those of `low` first.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn rounded(low: __m512, high: __m512) -> __m512i {
    // SAFETY: both types are 64 bytes, of which any will do.
    #[expect(unsafe_code, reason = "no intrinsic converts between the two")]
    unsafe {
        std::mem::transmute(_mm512_cvtne2ps_pbh(high, low))
    }
}

/// The order that puts value 16 + i after value i.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn interlacing() -> __m512i {
    let low = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let high = _mm512_add_epi32(low, _mm512_set1_epi32(16));
    _mm512_or_si512(low, _mm512_slli_epi32::<16>(high))
}

/// Rows as columns: first within quarters of the registers, then the quarters themselves.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn transposed(rows: [__m512i; GROUP]) -> [__m512i; GROUP] {
    let mut twos = rows;
    for i in (0..GROUP).step_by(2) {
        twos[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        twos[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    // Quarter q of register 4 r + c: column 4 q + c of rows 4 r to 4 r + 3.
    let mut fours = rows;
    for i in (0..GROUP).step_by(4) {
        fours[i] = _mm512_unpacklo_epi64(twos[i], twos[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(twos[i], twos[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(twos[i + 1], twos[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(twos[i + 1], twos[i + 3]);
    }
    let mut columns = rows;
    for c in 0..4 {
        let even = |r: usize| _mm512_shuffle_i32x4::<0x88>(fours[r + c], fours[r + 4 + c]);
        let odd = |r: usize| _mm512_shuffle_i32x4::<0xdd>(fours[r + c], fours[r + 4 + c]);
        columns[c] = _mm512_shuffle_i32x4::<0x88>(even(0), even(8));
        columns[4 + c] = _mm512_shuffle_i32x4::<0x88>(odd(0), odd(8));
        columns[8 + c] = _mm512_shuffle_i32x4::<0xdd>(even(0), even(8));
        columns[12 + c] = _mm512_shuffle_i32x4::<0xdd>(odd(0), odd(8));
    }
    columns
}

/// Panels of `WIDTH` lanes, to write.
struct Panels<const WIDTH: usize> {
    start: *mut u32,
    pairs: usize,
}

impl<const WIDTH: usize> Panels<WIDTH> {
    /// Writes one pair of each of 16 lanes, which lie in one panel or fill several.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    fn put(&mut self, group: usize, pair: usize, lanes: __m512i) {
        let at = |lane: usize| {
            let (panel, lane) = (lane / WIDTH, lane % WIDTH);
            self.start.wrapping_add((panel * self.pairs + pair) * WIDTH + lane)
        };
        // SAFETY: `pack` has made sure that the memory holds this group and this pair.
        #[expect(unsafe_code, reason = "stores take addresses")]
        unsafe {
            if WIDTH < GROUP {
                let (low, high) = (at(group * GROUP), at(group * GROUP + WIDTH));
                _mm256_store_si256(low.cast(), _mm512_castsi512_si256(lanes));
                _mm256_store_si256(high.cast(), _mm512_extracti64x4_epi64::<1>(lanes));
            } else {
                _mm512_store_si512(at(group * GROUP).cast(), lanes);
            }
        }
    }
}
