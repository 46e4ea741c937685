//! The row-wise part of one head: scores to probabilities, and gradients of probabilities to
//! gradients of scores.
//!
//! Rows of scores are padded to whole vectors, so that the loops have no remainder: most sentences
//! are shorter than two vectors. The padding's scores are minus infinity, whose probability is 0,
//! and no product reads them.

use crate::cpu::elementary::exp;
use crate::cpu::vector::{Kernel, sum};
use crate::mask::RowMask;

/// Values that the loops take at once.
const STEP: usize = 16;

/// The values of a row of scores for `keys` keys, padding included.
pub(super) fn stride(keys: usize) -> usize {
    keys.next_multiple_of(STEP)
}

/// The factor that dropout gives to the probability of the key at a place.
pub(super) trait Factor: Copy {
    fn at(self, place: u32) -> f32;
}

/// Nothing is dropped.
#[derive(Clone, Copy)]
pub(super) struct Kept;

impl Factor for Kept {
    #[inline(always)]
    fn at(self, _place: u32) -> f32 {
        1.0
    }
}

/// One query's mask, and the element of the first key.
impl Factor for (RowMask, u32) {
    #[inline(always)]
    fn at(self, place: u32) -> f32 {
        self.0.factor(self.1 + place)
    }
}

/// Turns rows of scores into probabilities: `probability_j = exp(score_j) / Σ exp(score)`.
pub(super) struct Softmax<'a> {
    pub(super) scores: &'a mut [f32],
    pub(super) keys: usize,
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in self.scores.chunks_exact_mut(stride(self.keys)) {
            row[self.keys..].fill(f32::NEG_INFINITY);
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
    }
}

/// Multiplies a row of probabilities by the factors of their places.
pub(super) struct DropOut<'a, F> {
    pub(super) probabilities: &'a mut [f32],
    pub(super) factor: F,
}

impl<F: Factor> Kernel for DropOut<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (place, probability) in (0_u32..).zip(self.probabilities) {
            *probability *= self.factor.at(place);
        }
    }
}

/// The backward of softmax and dropout for one row.
pub(super) struct ScoreGradients<'a, F> {
    pub(super) y: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) factor: F,
    /// Holds p; leaves as `p f`, the probabilities after dropout by the factors f.
    pub(super) probabilities: &'a mut [f32],
    /// Holds `d = v dy`; leaves as the gradient of the scores.
    pub(super) gradients: &'a mut [f32],
}

impl<F: Factor> Kernel for ScoreGradients<'_, F> {
    type Output = ();

    /// `p f d - p Σ p f d`, from the chain rule; the sum is `y · dy`, since `y = Σ p f v`.
    #[inline(always)]
    fn run(self) {
        let common = sum([self.y, self.dy], |[y, dy]| y * dy);
        for (place, (probability, gradient)) in
            (0_u32..).zip(self.probabilities.iter_mut().zip(self.gradients))
        {
            let kept = *probability * self.factor.at(place);
            *gradient = kept * *gradient - *probability * common;
            *probability = kept;
        }
    }
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
