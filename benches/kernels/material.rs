//! Tensors, segments and masks that the benchmarks share.

use candle_core::{Device, Result, Tensor, Var};
use divan::Bencher;
use lockstep_kernels::{Dropout, Segments};
use lockstep_world::Seed;

/// The width of a token's state.
pub(crate) const WIDTH: usize = 768;
/// The width inside the feed-forward part.
pub(crate) const FEED_FORWARD: usize = 3072;
pub(crate) const HEADS: usize = 12;
pub(crate) const VOCABULARY: usize = 30522;
pub(crate) const POSITIONS: usize = 512;

/// Tokens of 16 sentences of SST-2, `[CLS]` and `[SEP]` included: 399 in all.
const REAL_LENGTHS: [usize; 16] = [12, 47, 25, 9, 31, 38, 17, 22, 41, 14, 28, 36, 7, 20, 33, 19];

/// The texts of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Texts {
    Full,
    Real,
}

/// Which implementation runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Kernel,
    Plain,
}

/// What each benchmark is run over.
pub(crate) const CASES: [(Way, Texts); 4] = [
    (Way::Kernel, Texts::Full),
    (Way::Plain, Texts::Full),
    (Way::Kernel, Texts::Real),
    (Way::Plain, Texts::Real),
];

impl Texts {
    pub(crate) fn lengths(self) -> [usize; 16] {
        match self {
            Self::Full => [128; 16],
            Self::Real => REAL_LENGTHS,
        }
    }

    pub(crate) fn tokens(self) -> usize {
        self.lengths().iter().sum()
    }

    pub(crate) fn segments(self) -> Segments {
        let mut offsets = vec![0];
        for length in self.lengths() {
            offsets.push(offsets[offsets.len() - 1] + length);
        }
        kept(Segments::new(&offsets))
    }

    /// A mask for rows of these texts.
    pub(crate) fn dropout(self) -> Dropout {
        Dropout { rate: 0.1, keys: (0..self.tokens() as u64).map(Seed).collect() }
    }
}

/// Values in [-1, 1) without a pattern, as a variable so that a backward pass can be asked for.
#[expect(clippy::cast_possible_truncation, reason = "the tensors are f32")]
pub(crate) fn noise(shape: &[usize]) -> Var {
    let values = (0..shape.iter().product::<usize>() as u64)
        .map(|counter| (2.0 * Seed(7).uniform(counter) - 1.0) as f32);
    let values = Tensor::from_iter(values, &Device::Cpu);
    kept(values.and_then(|values| Var::from_tensor(&values.reshape(shape)?)))
}

/// Times the forward pass, without a graph.
pub(crate) fn forward(bencher: Bencher<'_, '_>, pass: impl Fn() -> Result<Tensor> + Sync) {
    bencher.bench_local(|| kept(pass()));
}

/// Times forward and backward together.
pub(crate) fn backward(bencher: Bencher<'_, '_>, pass: impl Fn() -> Result<Tensor> + Sync) {
    bencher.bench_local(|| kept(pass().and_then(|y| y.backward())));
}

/// A benchmark that fails measures nothing.
pub(crate) fn kept<T>(outcome: Result<T>) -> T {
    outcome.unwrap_or_else(|error| unreachable!("a benchmark's own arguments: {error}"))
}
