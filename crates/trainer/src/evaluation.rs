//! How good a model is on a split: every example is counted once, at any number of ranks.

use std::time::Instant;

use lockstep_collective::Collective;
use lockstep_data::{Batch, TokenStore};
use lockstep_model::{Classifier, Criterion};
use lockstep_world::{Step, WorldSize};

use crate::engine::Scorer;
use crate::metrics::{ConfusionMatrix, wilson_interval};
use crate::scores::Scores;
use crate::tally::Tally;
use crate::token_batches::batches;
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
    let mut tally = Tally::new(model.labels().len());
    // All ranks take these in turn, in file order.
    let batches = batches(0..store.len(), store.lengths(), scorer.tokens_at_once());
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
    let Tally { matrix, losses, sureness } = tally.over_all_ranks(batches.len(), collective)?;
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
        reliability: sureness.reliability(),
        mistakes: sureness.mistakes(),
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
