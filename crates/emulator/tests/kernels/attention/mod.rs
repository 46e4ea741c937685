//! Attention: each kernel against loops in f64, over segments of 0 to 512 tokens.

#![expect(clippy::cast_possible_truncation, reason = "values of tests are small, or are rounded")]
#![expect(clippy::cast_possible_wrap, reason = "counts of tests are small")]

mod all;
mod case;
mod first;
mod oracle;
mod properties;
mod value;

use case::Case;

/// Lengths of segments for each class of kernels; an empty segment is among them.
const SHORT: &[usize] = &[1, 0, 2, 15, 16, 17, 31, 32];
const MIDDLE: &[usize] = &[33, 5, 63, 0, 64];
const LONG: &[usize] = &[65, 128, 0, 127, 12];
const LONGEST: &[usize] = &[200, 7, 0, 129, 257];

/// A case of each class, in order of length.
fn cases(columns: usize, rate: f32) -> [Case; 4] {
    let case = |lengths: &[usize], longest, heads| Case {
        lengths: lengths.to_vec(),
        heads,
        columns,
        longest,
        rate,
        ..Case::default()
    };
    [case(SHORT, 32, 3), case(MIDDLE, 64, 1), case(LONG, 128, 1), case(LONGEST, 512, 1)]
}
