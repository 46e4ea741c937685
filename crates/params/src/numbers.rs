//! Whether scalars are numbers.

/// Whether none of these is infinite or NaN.
#[must_use]
pub fn are_numbers(values: &[f32]) -> bool {
    // The exponent of infinity and NaN is the highest. The compiler makes vectors of this loop.
    let highest = values.iter().fold(0, |most, value| (value.to_bits() & !(1 << 31)).max(most));
    highest < f32::INFINITY.to_bits()
}
