//! Counter-based randomness: every random number is a hash of what it is for.
//!
//! There is no generator whose position would have to be saved or kept equal over ranks. A value
//! follows from a path of derivations, for example (run seed, dropout, step 17, site 3, example 42,
//! position 5, element 100), so it is the same at any number of ranks and after any resume.
//!
//! The mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
//! pseudorandom number generators", OOPSLA 2014, figure 16).

use serde::{Deserialize, Serialize};

/// A key from which values and further keys are derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seed(pub u64);

/// What a derived seed is for. Two purposes never share a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The order of the examples; the index is the epoch.
    DataOrder,
    /// The initial value of fresh weights; the index is the parameter's place.
    Initialisation,
    /// Everything that is dropped in one update; the index is the step.
    Dropout,
    /// One layer that drops; the index is the layer's place in the model.
    DropoutSite,
    /// One example inside a site; the index is the example's place in the corpus.
    DropoutExample,
    /// One token inside an example; the index is its position.
    DropoutPosition,
    /// Generated text; the index is the sentence.
    Corpus,
    /// Which texts are held out of the training file; the index is a hash of the text.
    ValidationSplit,
    /// Which examples of a set are used where not all are; the index is 0.
    Sample,
}

impl Purpose {
    const fn tag(self) -> u64 {
        // Written out, because these numbers are part of what makes a run repeatable.
        match self {
            Self::DataOrder => 1,
            Self::Initialisation => 2,
            Self::Dropout => 3,
            Self::DropoutSite => 4,
            Self::DropoutExample => 5,
            Self::DropoutPosition => 6,
            Self::Corpus => 7,
            Self::ValidationSplit => 8,
            Self::Sample => 9,
        }
    }
}

const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;

impl Seed {
    /// The seed for one `purpose` and `index` below this one.
    #[must_use]
    pub fn derive(self, purpose: Purpose, index: u64) -> Self {
        let purpose_key = mix(self.0 ^ purpose.tag().wrapping_mul(GOLDEN_RATIO));
        Self(mix(purpose_key.wrapping_add(index.wrapping_mul(GOLDEN_RATIO))))
    }

    /// The value number `counter` of this seed, uniform over all of `u64`.
    #[must_use]
    pub fn bits(self, counter: u64) -> u64 {
        mix(self.0.wrapping_add(counter.wrapping_add(1).wrapping_mul(GOLDEN_RATIO)))
    }

    /// The value number `counter` of this seed, uniform in [0, 1) with 53 bits.
    #[must_use]
    pub fn uniform(self, counter: u64) -> f64 {
        const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.bits(counter) >> 11) as f64 * UNIT
    }

    /// The value number `counter` of this seed, uniform in `0..bound`; `bound` must not be 0.
    ///
    /// The high half of a 128-bit product: its bias is below `bound / 2^64`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the high half of a product below bound")]
    pub fn below(self, counter: u64, bound: usize) -> usize {
        ((u128::from(self.bits(counter)) * bound as u128) >> 64) as usize
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_value() {
        let seed = Seed(42);
        let path = |epoch, counter| seed.derive(Purpose::DataOrder, epoch).bits(counter);
        assert_eq!(path(1, 2), path(1, 2));
        assert_ne!(path(1, 2), path(2, 1));
        assert_ne!(seed.derive(Purpose::DataOrder, 1), seed.derive(Purpose::Dropout, 1));
        assert_ne!(seed, seed.derive(Purpose::DataOrder, 0));
    }

    /// `golden/seed.py` made the numbers, from a list of tags of its own.
    #[test]
    fn every_purpose_has_its_tag() {
        let check = |purpose, expected| {
            assert_eq!(Seed(42).derive(purpose, 17), Seed(expected), "{purpose:?}");
        };
        check(Purpose::DataOrder, 0x8ACF_7475_DF17_CA01);
        check(Purpose::Initialisation, 0x9C1A_53A0_B731_4C42);
        check(Purpose::Dropout, 0x3C70_F1F6_B3AB_E5AF);
        check(Purpose::DropoutSite, 0x5CC2_9480_E94F_5C5F);
        check(Purpose::DropoutExample, 0x46FB_0CB5_60AE_0E2F);
        check(Purpose::DropoutPosition, 0x8D21_BEBC_196A_3AE4);
        check(Purpose::Corpus, 0xE2F2_B9A6_B172_C1E2);
        check(Purpose::ValidationSplit, 0xBA1B_337A_5F9B_26DF);
        check(Purpose::Sample, 0xDCA8_F7B7_0F69_9AA6);
    }

    #[test]
    fn values_are_uniform() {
        let seed = Seed(7).derive(Purpose::Dropout, 0);
        let count = 100_000;
        let mean = (0..count).map(|i| seed.uniform(i)).sum::<f64>() / count as f64;
        assert!((mean - 0.5).abs() < 0.005, "mean {mean}");
        let mut hits = [0_u32; 6];
        for i in 0..60_000 {
            hits[seed.below(i, 6)] += 1;
        }
        assert!(hits.iter().all(|&h| (9_600..10_400).contains(&h)), "{hits:?}");
    }
}
