//! Test values of both element types, the cases of row kernels, and what counts as equal.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use bytemuck::Pod;
use lockstep_emulator::{Buffer, Emulator, Grid, RawArgument, bf16_bits, bf16_value};
use lockstep_program::PassNumbers;
use lockstep_world::Seed;

/// An element type of the kernels, which is `T` in their table.
pub(crate) trait Element: Pod + PartialEq + std::fmt::Debug {
    /// The end of a kernel's name.
    const NAME: &'static str;
    /// The largest relative error of a rounding to this type, if it is coarser than f32.
    const ROUNDING: f64;

    fn of(value: f32) -> Self;
    fn value(self) -> f32;
}

impl Element for f32 {
    const NAME: &'static str = "f32";
    const ROUNDING: f64 = 0.0;

    fn of(value: f32) -> Self {
        value
    }

    fn value(self) -> f32 {
        self
    }
}

/// The bits of a bf16, which has 8 significant bits.
impl Element for u16 {
    const NAME: &'static str = "bf16";
    const ROUNDING: f64 = 1.0 / 256.0;

    fn of(value: f32) -> Self {
        bf16_bits(value)
    }

    fn value(self) -> f32 {
        bf16_value(self)
    }
}

/// `count` values, most of them between -2 and 2.
pub(crate) fn values<T: Element>(seed: u64, count: usize) -> Vec<T> {
    let seed = Seed(seed);
    // The sum of three uniform values is nearly normal.
    let value = |i| (0..3).map(|j| seed.uniform(3 * i + j) * 2.0 - 1.0).sum::<f64>();
    (0..count as u64).map(|i| T::of(value(i) as f32)).collect()
}

/// Sets the rows from `real` on to NaN: they may not be read.
pub(crate) fn spoil<T: Element>(values: &mut [T], real: usize, width: usize) {
    values[real * width..].fill(T::of(f32::NAN));
}

pub(crate) fn wide<T: Element>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| f64::from(value.value())).collect()
}

/// What a buffer holds, as f32.
pub(crate) fn read<T: Element>(device: &Emulator, buffer: &Buffer<T>) -> Vec<f32> {
    device.read(buffer).into_iter().map(Element::value).collect()
}

/// Sums in f32 are this close to those in f64, in shares of the largest value: a few hundred
/// additions, whose errors of 2^-24 partly cancel.
const CLOSE: f64 = 2e-6;

/// Fails unless all values are as expected, but for f32 arithmetic and one rounding to `T`.
pub(crate) fn assert_close<T: Element>(what: &str, got: &[f32], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}: the number of values");
    let scale = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let allowed = CLOSE * scale + T::ROUNDING * expected.abs();
        let error = (f64::from(got) - expected).abs();
        assert!(error <= allowed, "{what}, value {i}: {got}, not {expected}; allowed {allowed:e}");
    }
}

/// Fails unless the rows from `real` on are zeros, of positive sign.
pub(crate) fn assert_padding(what: &str, got: &[f32], real: usize, width: usize) {
    let padding = &got[real * width..];
    assert!(padding.iter().all(|value| value.to_bits() == 0), "{what}: padding is not zero");
}

/// A shape of a row kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Rows of the bucket.
    pub(crate) rows: usize,
    /// Rows that count.
    pub(crate) real: usize,
    pub(crate) width: usize,
    /// Of dropout.
    pub(crate) rate: f32,
    pub(crate) blocks: u32,
}

impl Case {
    pub(crate) fn grid(&self, shared: usize) -> Grid {
        Grid { blocks: [self.blocks, 1], threads: 128, shared: shared as u32 }
    }

    pub(crate) fn count(&self) -> usize {
        self.rows * self.width
    }

    /// `ceil(rate x 2^32)`
    pub(crate) fn threshold(&self) -> u32 {
        (f64::from(self.rate) * 4_294_967_296.0).ceil() as u32
    }

    pub(crate) fn scale(&self) -> f32 {
        1.0 / (1.0 - self.rate)
    }

    /// The keys of the rows as `mask_keys` writes them: zero behind the real ones.
    pub(crate) fn keys(&self) -> Vec<u64> {
        let seed = Seed(77);
        (0..self.rows).map(|row| if row < self.real { seed.bits(row as u64) } else { 0 }).collect()
    }

    /// The keys as an argument: null where nothing is dropped.
    pub(crate) fn keys_on(&self, device: &Emulator) -> RawArgument {
        if self.rate > 0.0 { device.buffer(&self.keys()).into() } else { RawArgument::Null }
    }

    pub(crate) fn step(&self) -> PassNumbers {
        PassNumbers { rows: self.real as i32, ..PassNumbers::default() }
    }
}

/// Widths of one to four strips, full and not; rows that fill their block and not; real rows from
/// none to all; one block, a few, and one for every four rows.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for width in [8, 64, 96, 160, 384, 416, 768, 1024] {
        for (rows, real) in [(4, 0), (1, 1), (8, 1), (7, 7), (16, 13)] {
            for rate in [0.0, 0.3] {
                for blocks in [1, 3, (rows as u32).div_ceil(4)] {
                    cases.push(Case { rows, real, width, rate, blocks });
                }
            }
        }
    }
    cases
}

/// The sum of `count` rows of `width` parts: narrow ones by the kernel for it. The emulator starts
/// 1,024 threads for 32 columns, so wide ones are added here.
pub(crate) fn sum_parts(
    device: &Emulator,
    parts: Buffer<f32>,
    count: usize,
    width: usize,
) -> Vec<f32> {
    if width > 256 {
        let parts = device.read(&parts);
        return (0..width).map(|c| parts.iter().skip(c).step_by(width).sum()).collect();
    }
    let out = device.poisoned::<f32>(width);
    let mut arguments =
        vec![parts.into(), out.into(), (count as i32).into(), (width as i32).into()];
    for _ in 1..4 {
        arguments.extend([RawArgument::Null, RawArgument::Null, 0_i32.into(), 0_i32.into()]);
    }
    arguments.push(0_i32.into());
    let blocks = [(width as u32).div_ceil(32), 4];
    let grid = Grid { blocks, threads: 1024, shared: 32 * 32 * 4 };
    device.launch("sum_parts", grid, &arguments).unwrap();
    device.read(&out)
}

/// The derivative of `loss` by each of the values of `at`.
pub(crate) fn differences(at: &[f64], loss: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let moved = |i: usize, by: f64| {
        let mut values = at.to_vec();
        values[i] += by;
        loss(&values)
    };
    (0..at.len()).map(|i| (moved(i, STEP) - moved(i, -STEP)) / (2.0 * STEP)).collect()
}
