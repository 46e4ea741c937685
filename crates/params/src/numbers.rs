//! Whether scalars are numbers.

/// Whether none of these is infinite or NaN.
#[must_use]
pub fn are_numbers(values: &[f32]) -> bool {
    // The exponent of infinity and NaN is all ones: one more overflows into the bit of the sign. The
    // compiler makes vectors of this loop.
    const SIGN: u32 = 1 << 31;
    const ONE_MORE: u32 = 1 << 23;
    let overflown =
        values.iter().fold(0, |all, value| all | ((value.to_bits() & !SIGN) + ONE_MORE));
    overflown & SIGN == 0
}
