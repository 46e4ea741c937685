//! A part of the examples of a set, so that a first run on many rows is short.

use std::num::NonZeroUsize;

use lockstep_world::{Purpose, Seed, counted};
use serde::Serialize;

use crate::batch_plan::Order;

/// Which examples of a set are used where there are more than these.
///
/// A shuffled order gives a random sample, which keeps the order of the file; of one seed a smaller sample is a part
/// of a larger one. The order of the file gives the first examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The number of examples at most.
    pub most: NonZeroUsize,
    /// What decides which.
    pub order: Order,
}

/// The examples that were chosen, by their numbers among all usable ones.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chosen {
    /// Those before this one.
    Before(usize),
    /// Those whose random number is not above a bound.
    UpTo { bound: u64, seed: Seed },
}

impl Sample {
    /// The chosen ones of so many examples; nothing where all are used.
    pub(crate) fn of(self, examples: usize) -> Option<Chosen> {
        let most = self.most.get();
        match self.order {
            _ if most >= examples => None,
            Order::AsInFile => Some(Chosen::Before(most)),
            Order::Shuffled(seed) => {
                let seed = seed.derive(Purpose::Sample, 0);
                Some(Chosen::UpTo { bound: least(most, examples, seed), seed })
            }
        }
    }
}

impl Chosen {
    /// Whether the example with this number is among them.
    pub(crate) fn has(self, example: usize) -> bool {
        match self {
            Self::Before(end) => example < end,
            Self::UpTo { bound, seed } => seed.bits(example as u64) <= bound,
        }
    }
}

/// The number of a seed that has `wanted - 1` smaller ones among its first `count`, of which no two are
/// equal. Two walks with counts by the leading bits take the same memory for any `count`.
fn least(wanted: usize, count: usize, seed: Seed) -> u64 {
    const BITS: u32 = 16;
    let numbers = || (0..count as u64).map(|number| seed.bits(number));
    let leading = |number: u64| usize::try_from(number >> (u64::BITS - BITS)).unwrap_or_default();
    let mut counts = vec![0; 1 << BITS];
    numbers().for_each(|number| counts[leading(number)] += 1);
    let mut before = 0;
    let place = counts.iter().position(|count| {
        before += count;
        before >= wanted
    });
    let place = place.unwrap_or_default();
    let mut near: Vec<u64> = numbers().filter(|number| leading(*number) == place).collect();
    near.sort_unstable();
    let rank = wanted.saturating_sub(before - near.len()).saturating_sub(1);
    near.get(rank).copied().unwrap_or(u64::MAX)
}

/// What was left out of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// What decided it.
    pub sample: Sample,
    /// How many examples of each class (K) there are, used or not.
    pub counts: Vec<usize>,
}

impl Sampled {
    /// How many examples there are, used or not.
    #[must_use]
    pub fn of(&self) -> usize {
        self.counts.iter().sum()
    }

    /// So many used ones in words: `100 of 6734 examples, chosen at random with seed 42`.
    #[must_use]
    pub fn in_words(&self, used: usize) -> String {
        let of = counted(self.of(), "example");
        match self.sample.order {
            Order::AsInFile => format!("the first {used} of {of}"),
            Order::Shuffled(Seed(seed)) => {
                format!("{used} of {of}, chosen at random with seed {seed}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(most: usize, order: Order, examples: usize) -> Vec<usize> {
        let sample = Sample { most: NonZeroUsize::new(most).unwrap(), order };
        let chosen = sample.of(examples);
        (0..examples).filter(|example| chosen.is_none_or(|chosen| chosen.has(*example))).collect()
    }

    #[test]
    fn a_sample_has_its_size_and_smaller_ones_lie_in_larger_ones() {
        let order = Order::Shuffled(Seed(42));
        for examples in [1, 2, 7, 1000, 100_000] {
            let mut before: Vec<usize> = Vec::new();
            for most in [1, 2, 5, 999, 1000, 50_000, 200_000] {
                let found = chosen(most, order, examples);
                assert_eq!(found.len(), most.min(examples), "{most} of {examples}");
                assert!(before.iter().all(|example| found.binary_search(example).is_ok()));
                before = found;
            }
        }
    }

    #[test]
    fn the_seed_decides_and_each_part_of_the_file_gives_its_share() {
        let [one, same, other] =
            [1, 1, 2].map(|seed| chosen(1000, Order::Shuffled(Seed(seed)), 10_000));
        assert_eq!(one, same);
        assert_ne!(one, other);
        for part in 0..10 {
            let count = one.iter().filter(|example| **example / 1000 == part).count();
            assert!((70..130).contains(&count), "{count} in part {part}");
        }
        assert_eq!(chosen(3, Order::AsInFile, 10), [0, 1, 2]);
    }

    #[test]
    fn what_is_used_is_said() {
        let words = |order| {
            let sample = Sample { most: NonZeroUsize::MIN, order };
            Sampled { sample, counts: vec![3, 4] }.in_words(1)
        };
        assert_eq!(words(Order::AsInFile), "the first 1 of 7 examples");
        assert_eq!(
            words(Order::Shuffled(Seed(9))),
            "1 of 7 examples, chosen at random with seed 9"
        );
    }
}
