//! Segments and their values.

use std::ops::Range;

use lockstep_emulator::{Buffer, Emulator};
use lockstep_program::PassNumbers;
use lockstep_world::Seed;

use super::value::Value;

/// What a test runs on. D = heads x columns.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Tokens of each segment; their sum is N.
    pub(super) lengths: Vec<usize>,
    pub(super) heads: usize,
    pub(super) columns: usize,
    /// Of the kernel: no segment is longer.
    pub(super) longest: usize,
    pub(super) rate: f32,
    /// Of the biases.
    pub(super) bias: f32,
    /// Segments and rows of the bucket beyond those of the pass.
    pub(super) spare: [usize; 2],
    pub(super) seed: u64,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            lengths: vec![5],
            heads: 1,
            columns: 64,
            longest: 32,
            rate: 0.0,
            bias: 0.5,
            spare: [2, 9],
            seed: 7,
        }
    }
}

impl Case {
    /// N
    pub(super) fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// Rows of the bucket.
    pub(super) fn rows(&self) -> usize {
        self.tokens() + self.spare[1]
    }

    /// Segments of the bucket.
    pub(super) fn batch(&self) -> usize {
        self.lengths.len() + self.spare[0]
    }

    /// D
    pub(super) fn width(&self) -> usize {
        self.heads * self.columns
    }

    /// The rows of each segment.
    pub(super) fn segments(&self) -> Vec<Range<usize>> {
        let mut first = 0;
        self.lengths
            .iter()
            .map(|length| {
                first += length;
                first - length..first
            })
            .collect()
    }

    pub(super) fn step(&self) -> PassNumbers {
        PassNumbers {
            rows: self.tokens() as i32,
            segments: self.lengths.len() as i32,
            ..PassNumbers::default()
        }
    }

    /// Where segments begin, and the end of the last one. What stands behind may be read, not used.
    pub(super) fn offsets(&self) -> Vec<i32> {
        let ends = self.segments().into_iter().map(|rows| rows.end as i32);
        let spare = vec![i32::MIN / 2; self.spare[0]];
        std::iter::once(0).chain(ends).chain(spare).collect()
    }

    /// Values around 0; `purpose` tells the sequences apart.
    pub(super) fn values(&self, purpose: u64, count: usize, size: f32) -> Vec<f32> {
        let seed = Seed(self.seed * 1000 + purpose);
        (0..count as u64)
            .map(|i| {
                let sum: f64 = (0..4).map(|j| seed.uniform(4 * i + j) - 0.5).sum();
                (sum * 1.7) as f32 * size
            })
            .collect()
    }

    /// Values of the first `real` rows of `width`; the rows of the bucket behind them are NaN.
    pub(super) fn matrix<T: Value>(
        &self,
        purpose: u64,
        [real, rows, width]: [usize; 3],
        size: f32,
    ) -> Vec<T> {
        let mut values = self.values(purpose, real * width, size);
        values.resize(rows * width, f32::NAN);
        values.into_iter().map(T::rounded).collect()
    }

    /// Keys of masks, one a row (or a segment).
    pub(super) fn keys(&self, count: usize) -> Vec<u64> {
        (0..count as u64).map(|row| Seed(self.seed).bits(row)).collect()
    }

    /// The biases of q, k and v.
    pub(super) fn biases(&self) -> [Vec<f32>; 3] {
        [50, 51, 52].map(|purpose| self.values(purpose, self.width(), self.bias))
    }

    /// What a share is compared with and multiplied by.
    pub(super) fn threshold(&self) -> u32 {
        (f64::from(self.rate) * 4_294_967_296.0).ceil() as u32
    }

    pub(super) fn scale(&self) -> f32 {
        1.0 / (1.0 - self.rate)
    }

    /// Whether the probability of key `place` is kept: the hash of crates/kernels/src/mask.rs.
    pub(super) fn keeps(&self, key: u64, head: usize, place: usize) -> bool {
        let (low, high) = (key as u32, (key >> 32) as u32);
        let mut x = (head as u32 * 65_536 + place as u32) ^ low;
        x = (x ^ (x >> 17)).wrapping_mul(0xED5A_D4BB);
        x = (x ^ (x >> 11)).wrapping_add(high).wrapping_mul(0xAC4C_1B51);
        x = (x ^ (x >> 15)).wrapping_mul(0x3184_8BAB);
        (x ^ (x >> 14)) >= self.threshold()
    }

    /// The words of kept probabilities as the forward writes them, (rows, H, longest / 32); those of
    /// keys that a segment does not have are zeros.
    pub(super) fn bits(&self, keys: &[u64]) -> Vec<u32> {
        let words = self.longest / 32;
        let mut bits = vec![0; self.rows() * self.heads * words];
        for rows in self.segments() {
            for row in rows.clone() {
                for head in 0..self.heads {
                    let word = &mut bits[(row * self.heads + head) * words..][..words];
                    for place in (0..rows.len()).filter(|&place| self.keeps(keys[row], head, place))
                    {
                        word[place / 32] |= 1 << (place % 32);
                    }
                }
            }
        }
        bits
    }

    pub(super) fn step_buffer(&self, device: &Emulator) -> Buffer<PassNumbers> {
        device.buffer(&[self.step()])
    }
}
