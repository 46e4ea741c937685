//! In which type the large products are multiplied.
//!
//! Weights, activations, gradients and all sums are f32 whatever the precision is; bf16 rounds the
//! two factors of a product while they are packed for it.

use std::fmt;

/// The type that the factors of a transformer block's linear layers are rounded to.
///
/// Attention's products, layer norms, the embedding, a classifier's head and the optimiser are in
/// f32 always.
#[derive(Clone, Copy, Debug)]
pub enum Precision {
    /// IEEE single precision: nothing is rounded.
    F32,
    /// The upper half of an f32, on processors that multiply it.
    Bf16(Bf16),
    /// The same by candle's own operations, on any device; what GPUs take.
    PlainBf16,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16(_) | Self::PlainBf16 => "bf16",
        })
    }
}

/// The right to multiply in bf16: it exists only where the processor has the instructions.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub struct Bf16(());

/// Never exists on processors of other families.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy, Debug)]
pub enum Bf16 {}

#[cfg(target_arch = "x86_64")]
impl Bf16 {
    /// Looks what the processor has; remembered by the standard library.
    #[must_use]
    pub fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bf16");
        all.then_some(Self(()))
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Bf16 {
    /// Always `None`.
    #[must_use]
    pub fn detect() -> Option<Self> {
        None
    }
}
