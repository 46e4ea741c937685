//! Values of bf16, as bits.

/// The nearest value of bf16, ties to even; NaN is 0x7fff, as on the GPU.
#[must_use]
pub fn bf16_bits(value: f32) -> u16 {
    if value.is_nan() {
        return 0x7fff;
    }
    let bits = value.to_bits();
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// The value of bits of bf16.
#[must_use]
pub fn bf16_value(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}
