//! Texts of drawn tokens, packed as a pass takes them.

use std::fs;
use std::path::Path;

use lockstep_program::{
    BatchExtent, Bucket, Largest, PassBatch, PassInput, PassNumbers, PassPlace,
};

use crate::Outcome;

/// The longest text.
const LONGEST: usize = 128;
const ONLY_PASS: PassPlace = PassPlace { is_first: true, is_last: true };

/// Numbers that look drawn, the same on all machines.
pub(crate) fn drawn(seed: u64, at: u64) -> u64 {
    let mut mixed = (seed << 40).wrapping_add(at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for shift in [30, 27, 31] {
        mixed = (mixed ^ (mixed >> shift)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    mixed ^ (mixed >> 29)
}

/// A number in [0, 1).
pub(crate) fn uniform(seed: u64, at: u64) -> f64 {
    (drawn(seed, at) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The lengths of texts, from a file or as those of SST-2's phrases are: short ones are many.
pub(crate) fn lengths(file: Option<&Path>) -> Outcome<Vec<usize>> {
    let Some(file) = file else {
        let draw = |at| 3 + (-10.0 * (1.0 - uniform(1, at)).ln()) as usize;
        return Ok((0..20_000).map(|at| draw(at).min(66)).collect());
    };
    let text = fs::read_to_string(file)?;
    let lengths = text.split_whitespace().map(|word| Ok(word.parse::<usize>()?.min(LONGEST)));
    lengths.collect()
}

/// `count` batches of `size` texts, drawn from those lengths.
pub(crate) fn draw_batches(lengths: &[usize], size: usize, count: usize) -> Vec<Vec<usize>> {
    let pick = |at: usize| lengths[(drawn(2, at as u64) % lengths.len() as u64) as usize];
    (0..count).map(|batch| (0..size).map(|text| pick(batch * size + text)).collect()).collect()
}

/// A batch in memory.
pub(crate) struct Texts {
    ids: Vec<u32>,
    positions: Vec<u32>,
    offsets: Vec<usize>,
    examples: Vec<u64>,
    labels: Vec<u32>,
    words: Vec<u32>,
}

impl Texts {
    pub(crate) fn new(lengths: &[usize], vocabulary: usize, seed: u64) -> Self {
        let mut offsets = vec![0];
        for length in lengths {
            offsets.push(offsets[offsets.len() - 1] + length);
        }
        let tokens = offsets[lengths.len()];
        // Frequent words are many, as in texts: the square crowds small ids.
        let word = |at| (uniform(seed, at).powi(2) * vocabulary as f64) as u32;
        let ids: Vec<u32> = (0..tokens as u64).map(word).collect();
        let mut words = ids.clone();
        words.sort_unstable();
        words.dedup();
        Self {
            ids,
            positions: lengths.iter().flat_map(|&length| 0..length as u32).collect(),
            offsets,
            examples: (0..lengths.len() as u64).map(|text| drawn(seed, text) % 67_349).collect(),
            labels: (0..lengths.len()).map(|text| text as u32 % 2).collect(),
            words,
        }
    }

    pub(crate) fn size(&self) -> BatchExtent {
        let lengths = self.offsets.windows(2).map(|rows| rows[1] - rows[0]);
        BatchExtent {
            tokens: self.ids.len(),
            examples: self.labels.len(),
            longest: lengths.max().unwrap_or_default(),
        }
    }

    pub(crate) fn input(&self, update: usize, examples: usize) -> PassInput<'_> {
        let step = PassNumbers {
            update: update as i32,
            examples: examples as i32,
            dropout: drawn(3, update as u64),
            ..PassNumbers::default()
        };
        PassInput {
            ids: &self.ids,
            positions: &self.positions,
            offsets: &self.offsets,
            examples: &self.examples,
            labels: &self.labels,
            words: &self.words,
            step,
        }
    }

    /// The only pass of update number `update`.
    pub(crate) fn batch(&self, update: usize) -> PassBatch<'_> {
        let input = self.input(update, self.labels.len());
        PassBatch { input, bucket: Bucket::of(self.size()), place: ONLY_PASS }
    }
}

/// What holds each of these batches.
pub(crate) fn largest(all: &[Texts]) -> Largest {
    let size = all.iter().fold(BatchExtent::default(), |size, texts| size.max(texts.size()));
    let words = all.iter().map(|texts| texts.words.len()).max().unwrap_or(1);
    Largest { training: Bucket::of(size), words }
}
