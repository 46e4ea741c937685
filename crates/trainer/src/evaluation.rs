//! How good a model is on a split: every example is counted once, at any number of ranks.

use std::time::Instant;

use lockstep_collective::Collective;
use lockstep_data::{Batch, TokenStore};
use lockstep_model::{Classifier, Criterion};
use lockstep_world::{Step, WorldSize};

use crate::engine::Scorer;
use crate::metrics::{ConfusionMatrix, wilson_interval};
use crate::scores::Scores;
use crate::{EvaluationReport, StopRequest, TrainError};

/// Evaluates a split by plain cross-entropy. The ranks share the batches and add up whole numbers.
///
/// # Errors
/// [`TrainError`] when the model or a peer fails.
pub fn evaluate(
    model: &Classifier,
    name: &str,
    store: &TokenStore,
    step: Step,
    collective: &mut dyn Collective,
) -> Result<EvaluationReport, TrainError> {
    let mut scorer = Scorer::new(model)?;
    let split = EvaluationSet { name, store, step, criterion: &Criterion::default() };
    let never = StopRequest::default();
    evaluate_by(&mut scorer, model, &split, collective, &never)?.ok_or(TrainError::Stopped)
}

/// A split, the number of updates before its evaluation, and what its loss is.
pub(crate) struct EvaluationSet<'a> {
    pub(crate) name: &'a str,
    pub(crate) store: &'a TokenStore,
    pub(crate) step: Step,
    pub(crate) criterion: &'a Criterion,
}

/// Evaluates a split by the scores that `scorer` gives; nothing when some rank is asked to stop.
pub(crate) fn evaluate_by(
    scorer: &mut dyn Scores,
    model: &Classifier,
    split: &EvaluationSet<'_>,
    collective: &mut dyn Collective,
    stop: &StopRequest,
) -> Result<Option<EvaluationReport>, TrainError> {
    let began = Instant::now();
    let EvaluationSet { name, store, step, criterion } = *split;
    let mut tally = Tally { matrix: ConfusionMatrix::new(model.labels().len()), losses: vec![] };
    let batches = batches(store, scorer.tokens_at_once());
    let (rank, world) = (collective.seat().rank().0, collective.seat().world().get());
    for round in batches.chunks(world) {
        if is_asked_of_any(stop, collective)? {
            return Ok(None);
        }
        if let Some(indices) = round.get(rank) {
            let batch = Batch::pack(store, indices)?;
            tally.count(&scorer.scores(model, &batch)?, &batch, criterion);
        }
    }
    let Tally { matrix, losses } = tally.over_all_ranks(batches.len(), collective)?;
    let loss: f64 = losses.into_iter().sum();
    Ok(Some(EvaluationReport {
        step: step.0,
        split: name.to_owned(),
        loss: loss / weight(&matrix, criterion),
        accuracy: matrix.accuracy(),
        accuracy_interval: wilson_interval(matrix.correct(), matrix.examples()),
        f1: matrix.macro_f1(),
        mcc: matrix.matthews(),
        examples: matrix.examples(),
        correct: matrix.correct(),
        confusion: matrix.rows(),
        seconds: began.elapsed().as_secs_f64(),
    }))
}

/// What all examples count in a mean; 1 where there is none.
fn weight(matrix: &ConfusionMatrix, criterion: &Criterion) -> f64 {
    let rows = matrix.rows().into_iter().enumerate();
    let of_class = |(class, row): (usize, Vec<u64>)| {
        criterion.weight(class) * row.into_iter().sum::<u64>() as f64
    };
    match rows.map(of_class).sum() {
        0.0 => 1.0,
        weight => weight,
    }
}

/// Whether some rank is asked to stop; all get the same answer.
fn is_asked_of_any(
    stop: &StopRequest,
    collective: &mut dyn Collective,
) -> Result<bool, TrainError> {
    let mine = stop.is_asked();
    if collective.seat().world() == WorldSize::ONE {
        return Ok(mine);
    }
    Ok(collective.all_gather(&[u64::from(mine)])?.into_iter().any(|theirs| theirs != 0))
}

/// The batches of all ranks, which they take in turn: whole examples in file order, about `at_once`
/// tokens each.
fn batches(store: &TokenStore, at_once: usize) -> Vec<Vec<usize>> {
    let mut batches = vec![Vec::new()];
    let mut tokens = 0;
    for (index, &length) in store.lengths().iter().enumerate() {
        tokens += length as usize;
        if tokens > at_once && batches.last().is_some_and(|batch| !batch.is_empty()) {
            batches.push(Vec::new());
            tokens = length as usize;
        }
        if let Some(batch) = batches.last_mut() {
            batch.push(index);
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

struct Tally {
    matrix: ConfusionMatrix,
    /// Of each batch: their sum does not follow the number of ranks.
    losses: Vec<f64>,
}

impl Tally {
    fn count(&mut self, scores: &[Vec<f32>], batch: &Batch, criterion: &Criterion) {
        let mut loss = 0.0;
        for (scores, &label) in scores.iter().zip(batch.labels()) {
            self.matrix.count(label as usize, best(scores));
            loss += criterion.loss(scores, label as usize);
        }
        self.losses.push(loss);
    }

    /// What all ranks counted in so many `batches`.
    fn over_all_ranks(
        mut self,
        batches: usize,
        collective: &mut dyn Collective,
    ) -> Result<Self, TrainError> {
        let world = collective.seat().world().get();
        self.losses.resize(batches.div_ceil(world), 0.0);
        let counts = self.matrix.counts().iter().copied();
        let mine: Vec<u64> = self.losses.iter().map(|loss| loss.to_bits()).chain(counts).collect();
        let all = collective.all_gather(&mine)?;
        let mut sum = Self {
            matrix: ConfusionMatrix::new(self.matrix.rows().len()),
            losses: vec![0.0; self.losses.len() * world],
        };
        for (rank, theirs) in all.chunks_exact(mine.len()).enumerate() {
            let (losses, counts) = theirs.split_at(self.losses.len());
            sum.matrix.add(counts);
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
