//! Which elements dropout drops: a hash of a key and a counter.
//!
//! There is no generator with a position. A mask can be computed again in the backward instead of
//! being kept, by any thread, for any element, and is the same on every device.
//!
//! The hash is three rounds of xorshift and multiplication of 32 bits, which vector instructions do
//! on many elements at once. Constants and shifts are those of `triple32`, found by search (Wellons,
//! "Prospecting for Hash Functions", nullprogram.com, 2018). We differ in that the two halves of the
//! key enter before and inside the rounds, as in a cipher of Even and Mansour: two rows share a run
//! of values only if both halves collide.

use lockstep_world::Seed;

use crate::cpu::vector::{Kernel, vectorised};

/// The factors of one row's elements.
#[derive(Clone, Copy)]
pub(crate) struct RowMask {
    low: u32,
    high: u32,
    threshold: u32,
    scale: f32,
}

impl RowMask {
    /// The mask of a row with this key, for a rate in [0, 1).
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a key; a rate below 1")]
    #[expect(clippy::cast_sign_loss, reason = "a rate is not negative")]
    pub(crate) fn new(key: Seed, rate: f32) -> Self {
        const HASHES: f64 = 4_294_967_296.0;
        // Mixed once a row, so that keys which merely count make unrelated masks as well.
        let key = key.bits(0);
        Self {
            low: key as u32,
            high: (key >> 32) as u32,
            threshold: (f64::from(rate) * HASHES).ceil() as u32,
            scale: 1.0 / (1.0 - rate),
        }
    }

    /// What `element` is multiplied by: 0 where it is dropped, else `1 / (1 - rate)`.
    #[inline(always)]
    pub(crate) fn factor(self, element: u32) -> f32 {
        if self.keeps(element) { self.scale } else { 0.0 }
    }

    /// Whether `element` is not dropped.
    #[inline(always)]
    fn keeps(self, element: u32) -> bool {
        self.hash(element) >= self.threshold
    }

    /// Marks with 1 which of the elements from `first` on are kept, with 0 the others.
    pub(crate) fn mark_kept(self, first: u32, kept: &mut [u8]) {
        vectorised(MarkKept { mask: self, first, kept });
    }

    #[inline(always)]
    fn hash(self, element: u32) -> u32 {
        let mut x = element ^ self.low;
        x = (x ^ (x >> 17)).wrapping_mul(0xED5A_D4BB);
        x = (x ^ (x >> 11)).wrapping_add(self.high).wrapping_mul(0xAC4C_1B51);
        x = (x ^ (x >> 15)).wrapping_mul(0x3184_8BAB);
        x ^ (x >> 14)
    }
}

struct MarkKept<'a> {
    mask: RowMask,
    first: u32,
    kept: &'a mut [u8],
}

impl Kernel for MarkKept<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (element, kept) in (self.first..).zip(self.kept) {
            *kept = u8::from(self.mask.keeps(element));
        }
    }
}
