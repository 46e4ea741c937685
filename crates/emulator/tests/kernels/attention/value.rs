//! The two types of values.

use bytemuck::Pod;
use lockstep_emulator::{bf16_bits, bf16_value};
use lockstep_program::Element;

/// A type that kernels are made for.
pub(super) trait Value: Pod {
    /// In the names of kernels.
    const NAME: &'static str;
    const ELEMENT: Element;
    /// Errors of the forward and the backward, as shares of the largest value.
    ///
    /// f32: sums of up to 512 products, each rounded to 2^-24, of which errors cancel largely. bf16:
    /// probabilities, gradients and results are rounded to 2^-9, a few roundings of which meet.
    const TOLERANCE: [f64; 2];

    fn rounded(value: f32) -> Self;
    fn value(self) -> f64;
}

impl Value for f32 {
    const NAME: &'static str = "f32";
    const ELEMENT: Element = Element::F32;
    const TOLERANCE: [f64; 2] = [2e-6, 2e-6];

    fn rounded(value: f32) -> Self {
        value
    }

    fn value(self) -> f64 {
        f64::from(self)
    }
}

/// bf16, by its bits.
impl Value for u16 {
    const NAME: &'static str = "bf16";
    const ELEMENT: Element = Element::Bf16;
    const TOLERANCE: [f64; 2] = [1e-2, 2e-2];

    fn rounded(value: f32) -> Self {
        bf16_bits(value)
    }

    fn value(self) -> f64 {
        f64::from(bf16_value(self))
    }
}

/// Compares values with the oracle's.
pub(super) fn assert_near<T: Value>(what: &str, values: &[T], expected: &[f64], tolerance: f64) {
    assert_eq!(values.len(), expected.len(), "{what}: lengths");
    let scale = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    for (place, (value, expected)) in values.iter().zip(expected).enumerate() {
        let error = (value.value() - expected).abs();
        assert!(
            error <= tolerance * scale,
            "{what}: {} at {place} should be {expected}, largest {scale}",
            value.value()
        );
    }
}
