//! What an evaluation counts: on each rank, then over all of them.

use lockstep_collective::Collective;
use lockstep_data::Batch;

use crate::metrics::ConfusionMatrix;
use crate::ranking::Ranking;
use crate::reliability::{Answer, Sureness};
use crate::{Criterion, Decision, TrainError};

/// How examples are judged.
#[derive(Clone, Copy)]
pub(crate) struct Judging<'a> {
    /// What the loss is.
    pub(crate) criterion: &'a Criterion,
    /// What the answer is.
    pub(crate) decision: Decision,
}

/// Counts of examples, and sums over them.
pub(crate) struct Tally {
    pub(crate) matrix: ConfusionMatrix,
    /// Of each batch: their sum does not follow the number of ranks.
    pub(crate) losses: Vec<f64>,
    pub(crate) sureness: Sureness,
    /// Nothing where there are too many examples.
    pub(crate) ranking: Option<Ranking>,
}

impl Tally {
    /// No example yet, of `examples` of this number of classes.
    pub(crate) fn new(classes: usize, examples: usize) -> Self {
        let (matrix, sureness) = (ConfusionMatrix::new(classes), Sureness::default());
        let ranking = Ranking::new(classes, examples);
        Self { matrix, losses: Vec::new(), sureness, ranking }
    }

    /// Counts a batch with the logits (B, K) of its examples.
    pub(crate) fn count(&mut self, logits: &[Vec<f32>], batch: &Batch, judging: Judging<'_>) {
        let Judging { criterion, decision } = judging;
        let mut loss = 0.0;
        for ((logits, &label), &example) in logits.iter().zip(batch.labels()).zip(batch.examples())
        {
            let probabilities = decision.probabilities(logits);
            let found = decision.class(&probabilities);
            let (class, confidence) = (label as usize, probabilities[found]);
            self.matrix.count(class, found);
            let label = u64::from(label);
            self.sureness.count(&Answer { example, label, found: found as u64, confidence });
            if let Some(ranking) = &mut self.ranking {
                ranking.note(label, &probabilities);
            }
            loss += criterion.loss(&decision.scaled(logits), class);
        }
        self.losses.push(loss);
    }

    /// What all ranks counted in all `batches`, which they took in turn.
    ///
    /// # Errors
    /// [`TrainError`] when a peer fails.
    pub(crate) fn over_all_ranks(
        mut self,
        batches: &[Vec<usize>],
        collective: &mut dyn Collective,
    ) -> Result<Self, TrainError> {
        let world = collective.seat().world().get();
        self.losses.resize(batches.len().div_ceil(world), 0.0);
        let counts = self.matrix.counts().to_vec();
        let losses = self.losses.iter().map(|loss| loss.to_bits());
        let examples = most_of_a_rank(batches, world);
        let ranked = self.ranking.as_ref().map(|ranking| ranking.words(examples));
        let mine: Vec<u64> = losses
            .chain(self.sureness.words())
            .chain(counts.iter().copied())
            .chain(ranked.into_iter().flatten())
            .collect();
        let all = collective.all_gather(&mine)?;
        let mut sum = Self::new(self.matrix.rows().len(), batches.iter().map(Vec::len).sum());
        sum.losses = vec![0.0; self.losses.len() * world];
        for (rank, theirs) in all.chunks_exact(mine.len()).enumerate() {
            let (losses, rest) = theirs.split_at(self.losses.len());
            let (sureness, rest) = rest.split_at(Sureness::WORDS);
            let (counts, ranked) = rest.split_at(counts.len());
            sum.matrix.add(counts);
            sum.sureness.add(sureness);
            if let Some(ranking) = &mut sum.ranking {
                ranking.add(ranked);
            }
            let places = sum.losses.iter_mut().skip(rank).step_by(world);
            places.zip(losses).for_each(|(place, &bits)| *place = f64::from_bits(bits));
        }
        Ok(sum)
    }
}

/// The most examples that a rank has of batches that the ranks take in turn.
fn most_of_a_rank(batches: &[Vec<usize>], world: usize) -> usize {
    let of = |rank: usize| batches.iter().skip(rank).step_by(world).map(Vec::len).sum();
    (0..world).map(of).max().unwrap_or(0)
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
    fn ranks_have_room_for_the_largest_share() {
        let batches = [vec![0, 1], vec![2], vec![3, 4, 5], vec![6]];
        assert_eq!([1, 2, 3, 8].map(|world| most_of_a_rank(&batches, world)), [7, 5, 3, 3]);
        assert_eq!(most_of_a_rank(&[], 2), 0);
    }
}
