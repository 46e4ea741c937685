//! The row-wise part of one head: scores to shares, and the shares' gradients to the scores'.
//!
//! Rows of scores are padded to whole vectors, so that the loops have no remainder: most sentences
//! are shorter than two vectors. The padding's scores are minus infinity, whose share is nothing,
//! and no product reads them.

use crate::cpu::elementary::exp;
use crate::cpu::vector::vectorised;

/// Values that the loops take at once.
const STEP: usize = 16;

/// The values of a row of scores for `keys` keys, padding included.
pub(super) fn stride(keys: usize) -> usize {
    keys.next_multiple_of(STEP)
}

/// Turns rows of scores into shares: `share_j = exp(score_j) / Σ exp(score)`.
pub(super) fn softmax(scores: &mut [f32], keys: usize) {
    vectorised(|| {
        for row in scores.chunks_exact_mut(stride(keys)) {
            row[keys..].fill(f32::NEG_INFINITY);
            let (steps, _) = row.as_chunks_mut::<STEP>();
            let top = largest(steps);
            let mut sums = [0.0; STEP];
            for values in &mut *steps {
                for (value, sum) in values.iter_mut().zip(&mut sums) {
                    *value = exp(*value - top);
                    *sum += *value;
                }
            }
            let scale = 1.0 / sums.iter().sum::<f32>();
            for value in row {
                *value *= scale;
            }
        }
    });
}

/// Multiplies a row of shares by the factors that dropout gives their places.
pub(super) fn drop(shares: &mut [f32], factor: impl Fn(u32) -> f32) {
    vectorised(|| {
        for (place, share) in (0_u32..).zip(shares) {
            *share *= factor(place);
        }
    });
}

/// The backward of softmax and dropout for one row.
///
/// `shares` holds p and leaves as `p f`, the share after dropout by the factor f; `slopes` holds
/// `d = dy vᵀ` and leaves as the gradient of the scores `p f d - p Σ p f d`, whose sum is `y · dy`,
/// given as `common`.
pub(super) fn slopes(
    shares: &mut [f32],
    slopes: &mut [f32],
    common: f32,
    factor: impl Fn(u32) -> f32,
) {
    vectorised(|| {
        for (place, (share, slope)) in (0_u32..).zip(shares.iter_mut().zip(slopes)) {
            let kept = *share * factor(place);
            *slope = kept * *slope - *share * common;
            *share = kept;
        }
    });
}

#[inline(always)]
fn largest(steps: &[[f32; STEP]]) -> f32 {
    let mut tops = [f32::NEG_INFINITY; STEP];
    for values in steps {
        for (top, &value) in tops.iter_mut().zip(values) {
            *top = if value > *top { value } else { *top };
        }
    }
    tops.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}
