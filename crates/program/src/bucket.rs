//! The sizes that programs are recorded for.
//!
//! A batch of N tokens runs in the program of the next larger bucket, whose rows from N on hold
//! zeros. So a run needs few programs, and each has grids that never change.

/// The sizes of a program's batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// Tokens, at least as many as any batch in this bucket has.
    pub rows: usize,
    /// Examples, in the same way; never more than `rows`.
    pub batch: usize,
    /// Tokens of the longest example: 32, 64, 128 or 512.
    pub longest: usize,
}

/// The sizes of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchExtent {
    /// N, tokens.
    pub tokens: usize,
    /// B, examples.
    pub examples: usize,
    /// T, tokens of the longest example.
    pub longest: usize,
}

impl BatchExtent {
    /// The smallest size that is at least this one and `other`.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.max(other.tokens),
            examples: self.examples.max(other.examples),
            longest: self.longest.max(other.longest),
        }
    }
}

impl Bucket {
    /// The bucket of a batch.
    #[must_use]
    pub fn of(size: BatchExtent) -> Self {
        let batch = padded(size.examples, 16);
        Self { rows: rows(size.tokens).max(batch), batch, longest: longest(size.longest) }
    }
}

/// Multiples of 32 to 512, of 64 to 1,024, of 128 to 4,096, and so on.
fn rows(tokens: usize) -> usize {
    let step = match tokens {
        0..=512 => 32,
        513..=1024 => 64,
        _ => 128,
    };
    padded(tokens, step)
}

/// The next multiple of `step`, or of a sixteenth of the power of two below `count` where that is more:
/// powers of two stay as they are, and no count grows by more than a sixteenth or one step.
fn padded(count: usize, step: usize) -> usize {
    let count = count.max(1);
    count.next_multiple_of(step.max((1 << count.ilog2()) / 16))
}

fn longest(tokens: usize) -> usize {
    [32, 64, 128].into_iter().find(|&class| tokens <= class).unwrap_or(crate::shape::LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_batch_with_little_to_spare() {
        for tokens in (0..70_000).step_by(7) {
            let bucket = Bucket::of(BatchExtent { tokens, examples: tokens.min(16), longest: 5 });
            assert!(bucket.rows >= tokens && bucket.rows >= bucket.batch);
            assert!(bucket.rows <= tokens + tokens / 16 + 128, "{tokens}: {bucket:?}");
        }
    }

    #[test]
    fn powers_of_two_are_not_padded() {
        for tokens in (9..20).map(|power| 1 << power) {
            let size = BatchExtent { tokens, examples: tokens / 32, longest: 128 };
            let expected = Bucket { rows: tokens, batch: tokens / 32, longest: 128 };
            assert_eq!(Bucket::of(size), expected);
        }
    }

    #[test]
    fn a_larger_batch_has_no_smaller_bucket() {
        let of = |tokens| Bucket::of(BatchExtent { tokens, examples: tokens / 2, longest: 5 });
        for tokens in 1..5_000 {
            let (smaller, larger) = (of(tokens - 1), of(tokens));
            assert!(smaller.rows <= larger.rows && smaller.batch <= larger.batch, "{larger:?}");
        }
    }

    #[test]
    fn sst2_batches_share_few_buckets() {
        let of = |tokens| Bucket::of(BatchExtent { tokens, examples: 16, longest: 40 });
        assert_eq!(of(213), of(224));
        assert_ne!(of(224), of(225));
        assert_eq!(of(224), Bucket { rows: 224, batch: 16, longest: 64 });
        let none = Bucket::of(BatchExtent::default());
        assert_eq!(none, Bucket { rows: 32, batch: 16, longest: 32 });
    }
}
