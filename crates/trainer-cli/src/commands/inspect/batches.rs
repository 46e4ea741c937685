//! What batches of a file cost in tokens, packed and padded.

use std::num::NonZeroUsize;

use lockstep_data::{BatchPlan, Order};
use lockstep_world::{Seed, Step};

/// The batches of one shuffled epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Batches {
    /// Texts of a batch.
    pub(super) texts: usize,
    /// Tokens of a batch, on average.
    pub(super) tokens: f64,
    /// Tokens with padding to the longest text of each batch, for each token of a text.
    pub(super) padded: f64,
    /// Tokens with padding to the limit, for each token of a text.
    pub(super) full: f64,
}

impl Batches {
    /// Those of texts with so many tokens each (B), of which at most `limit` are used.
    pub(super) fn of(lengths: &[u32], texts: usize, limit: usize) -> Self {
        const SEED: Seed = Seed(42);
        let size = NonZeroUsize::new(texts).unwrap_or(NonZeroUsize::MIN);
        let plan = BatchPlan::new(lengths.len(), size, Order::Shuffled(SEED));
        let used =
            |example: usize| lengths.get(example).map_or(0, |length| (*length as usize).min(limit));
        let (mut tokens, mut padded) = (0, 0);
        let updates = plan.updates_per_epoch();
        for update in 0..updates {
            let batch = plan.global_batch(Step(update as u64));
            tokens += batch.iter().map(|example| used(*example)).sum::<usize>();
            padded += batch.len() * batch.iter().map(|example| used(*example)).max().unwrap_or(0);
        }
        let share = |all: usize| all as f64 / tokens.max(1) as f64;
        Self {
            texts,
            tokens: tokens as f64 / updates.max(1) as f64,
            padded: share(padded),
            full: share(limit * lengths.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_counted_for_each_batch() {
        let all = Batches::of(&[10, 10, 10, 10], 2, 20);
        assert_eq!(all, Batches { texts: 2, tokens: 20.0, padded: 1.0, full: 2.0 });
        let cut = Batches::of(&[50, 10], 2, 30);
        assert_eq!((cut.tokens, cut.padded), (40.0, 1.5));
    }
}
