//! One piece of work in many orders of threads and blocks.

use bytemuck::Pod;

use crate::Emulator;

/// Runs `work` on emulators with different seeds and returns what the first gave.
///
/// # Panics
/// When they do not all give the same bytes.
pub fn in_every_order<R: Bytes>(work: impl Fn(&Emulator) -> R) -> R {
    let first = work(&Emulator::new(0));
    for seed in 1..6 {
        let other = work(&Emulator::new(seed));
        assert!(
            other.bytes() == first.bytes(),
            "the result depends on the order of threads and blocks: seed {seed} differs from 0"
        );
    }
    first
}

/// Results that can be compared bit for bit, NaN as well.
pub trait Bytes {
    /// All bytes of the result.
    fn bytes(&self) -> Vec<u8>;
}

impl<T: Pod> Bytes for Vec<T> {
    fn bytes(&self) -> Vec<u8> {
        bytemuck::cast_slice(self).to_vec()
    }
}

impl<R: Bytes, const N: usize> Bytes for [R; N] {
    fn bytes(&self) -> Vec<u8> {
        self.iter().flat_map(Bytes::bytes).collect()
    }
}

impl Bytes for () {
    fn bytes(&self) -> Vec<u8> {
        Vec::new()
    }
}

macro_rules! tuples {
    ($(($($name:ident),+)),+) => {$(
        impl<$($name: Bytes),+> Bytes for ($($name,)+) {
            #[expect(non_snake_case, reason = "a value has the name of its type")]
            fn bytes(&self) -> Vec<u8> {
                let ($($name,)+) = self;
                [$($name.bytes()),+].concat()
            }
        }
    )+};
}

tuples!((A), (A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E), (A, B, C, D, E, F));
