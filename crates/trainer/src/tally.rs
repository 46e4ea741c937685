//! What an evaluation counts: on each rank, then over all of them.

use lockstep_collective::Collective;
use lockstep_data::Batch;
use lockstep_model::Criterion;

use crate::TrainError;
use crate::metrics::ConfusionMatrix;
use crate::reliability::{Answer, Sureness};

/// Counts of examples, and sums over them.
pub(crate) struct Tally {
    pub(crate) matrix: ConfusionMatrix,
    /// Of each batch: their sum does not follow the number of ranks.
    pub(crate) losses: Vec<f64>,
    pub(crate) sureness: Sureness,
}

impl Tally {
    /// No example yet, of this number of classes.
    pub(crate) fn new(classes: usize) -> Self {
        let (matrix, sureness) = (ConfusionMatrix::new(classes), Sureness::default());
        Self { matrix, losses: Vec::new(), sureness }
    }

    /// Counts a batch with the scores (B, K) of its examples.
    pub(crate) fn count(&mut self, scores: &[Vec<f32>], batch: &Batch, criterion: &Criterion) {
        let mut loss = 0.0;
        for ((scores, &label), &example) in scores.iter().zip(batch.labels()).zip(batch.examples())
        {
            let found = best(scores);
            self.matrix.count(label as usize, found);
            self.sureness.count(&Answer {
                example,
                label: u64::from(label),
                found: found as u64,
                confidence: (-Criterion::default().loss(scores, found)).exp(),
            });
            loss += criterion.loss(scores, label as usize);
        }
        self.losses.push(loss);
    }

    /// What all ranks counted in all `batches`.
    ///
    /// # Errors
    /// [`TrainError`] when a peer fails.
    pub(crate) fn over_all_ranks(
        mut self,
        batches: usize,
        collective: &mut dyn Collective,
    ) -> Result<Self, TrainError> {
        let world = collective.seat().world().get();
        self.losses.resize(batches.div_ceil(world), 0.0);
        let counts = self.matrix.counts().iter().copied();
        let losses = self.losses.iter().map(|loss| loss.to_bits());
        let mine: Vec<u64> = losses.chain(self.sureness.words()).chain(counts).collect();
        let all = collective.all_gather(&mine)?;
        let mut sum = Self::new(self.matrix.rows().len());
        sum.losses = vec![0.0; self.losses.len() * world];
        for (rank, theirs) in all.chunks_exact(mine.len()).enumerate() {
            let (losses, rest) = theirs.split_at(self.losses.len());
            let (sureness, counts) = rest.split_at(Sureness::WORDS);
            sum.matrix.add(counts);
            sum.sureness.add(sureness);
            let places = sum.losses.iter_mut().skip(rank).step_by(world);
            places.zip(losses).for_each(|(place, &bits)| *place = f64::from_bits(bits));
        }
        Ok(sum)
    }
}

/// The class with the highest score, the first of equals.
fn best(scores: &[f32]) -> usize {
    let higher =
        |best: usize, class: usize| if scores[class] > scores[best] { class } else { best };
    (0..scores.len()).fold(0, higher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_is_that_of_the_softmax() {
        let check = |scores: &[f32], label, expected: f64| {
            let found = Criterion::default().loss(scores, label);
            assert!((found - expected).abs() < 1e-6, "{scores:?} {label}: {found}");
        };
        check(&[0.0, 0.0], 1, 2_f64.ln());
        check(&[1000.0, 0.0], 0, 0.0);
        check(&[1000.0, 0.0], 1, 1000.0);
        check(&[1.0, 2.0, 3.0], 2, 0.407_605_96);
    }

    #[test]
    fn equal_scores_give_the_first_class() {
        assert_eq!(best(&[0.5, 0.7, 0.7]), 1);
    }
}
