//! How good a model is on a split: every example is counted once, at any number of ranks.

use std::time::Instant;

use lockstep_collective::{Collective, Solo};
use lockstep_data::{Batch, TokenStore};
use lockstep_model::{Classifier, Criterion};
use lockstep_world::{Step, WorldSize};

use crate::calibration::best_temperature;
use crate::engine::Scorer;
use crate::metrics::{ConfusionMatrix, wilson_interval};
use crate::scores::{ClassScores, Scores};
use crate::tally::{Judging, Tally};
use crate::token_batches::batches;
use crate::{Decision, EvaluationReport, NoTemperature, StopRequest, TrainError};

/// Evaluates a finished model on a split by plain cross-entropy, with answers by `decision`.
///
/// # Errors
/// [`TrainError`] when the model fails.
pub fn evaluate(
    model: &Classifier,
    name: &str,
    store: &TokenStore,
    decision: Decision,
) -> Result<EvaluationReport, TrainError> {
    judge(&mut Scorer::new(model)?, model, name, store, decision)
}

/// The logits of a split, which are kept, so that it can be evaluated more than once.
pub struct KeptLogits(Vec<Vec<f32>>);

impl KeptLogits {
    /// Evaluates all examples once.
    ///
    /// # Errors
    /// [`TrainError`] when the model fails.
    pub fn of(model: &Classifier, store: &TokenStore) -> Result<Self, TrainError> {
        Scorer::new(model)?.scores_of_all(model, store, None).map(Self)
    }

    /// The temperature at which the mean cross-entropy of the split is least.
    ///
    /// # Errors
    /// The inner one where there is none; a store whose file was damaged.
    pub fn temperature(
        &self,
        store: &TokenStore,
    ) -> Result<Result<f64, NoTemperature>, TrainError> {
        let labels = (0..store.len()).map(|example| store.label(example));
        Ok(best_temperature(&self.0, &labels.collect::<Result<Vec<u32>, _>>()?))
    }

    /// What the logits come to by `decision`; `model` is the one they are of.
    ///
    /// # Errors
    /// A store whose file was damaged.
    pub fn evaluate(
        &mut self,
        model: &Classifier,
        name: &str,
        store: &TokenStore,
        decision: Decision,
    ) -> Result<EvaluationReport, TrainError> {
        judge(self, model, name, store, decision)
    }
}

fn judge(
    scorer: &mut dyn Scores,
    model: &Classifier,
    name: &str,
    store: &TokenStore,
    decision: Decision,
) -> Result<EvaluationReport, TrainError> {
    let (criterion, step) = (&Criterion::default(), Step::START);
    let split = EvaluationSet { name, store, step, criterion, decision };
    let never = StopRequest::default();
    evaluate_by(scorer, model, &split, &mut Solo, &never)?.ok_or(TrainError::Stopped)
}

impl Scores for KeptLogits {
    fn scores(&mut self, _: &Classifier, batch: &Batch) -> Result<ClassScores, TrainError> {
        let kept = |example: &u64| self.0.get(usize::try_from(*example).ok()?).cloned();
        batch.examples().iter().map(|example| kept(example).ok_or(TrainError::Engine)).collect()
    }
}

/// A split, the number of updates before its evaluation, what its loss is, and what its answers are.
pub(crate) struct EvaluationSet<'a> {
    pub(crate) name: &'a str,
    pub(crate) store: &'a TokenStore,
    pub(crate) step: Step,
    pub(crate) criterion: &'a Criterion,
    pub(crate) decision: Decision,
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
    let EvaluationSet { store, criterion, decision, .. } = *split;
    let mut tally = Tally::new(model.labels().len(), store.len());
    // All ranks take these in turn, in file order.
    let batches = batches(0..store.len(), store.lengths(), scorer.tokens_at_once());
    let (rank, world) = (collective.seat().rank().0, collective.seat().world().get());
    for round in batches.chunks(world) {
        if is_asked_of_any(stop, collective)? {
            return Ok(None);
        }
        if let Some(indices) = round.get(rank) {
            let batch = Batch::pack(store, indices)?;
            let judging = Judging { criterion, decision };
            tally.count(&scorer.scores(model, &batch)?, &batch, judging);
        }
    }
    let tally = tally.over_all_ranks(&batches, collective)?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Some(EvaluationReport { seconds, ..report(split, &tally) }))
}

/// What was counted, without its time.
fn report(split: &EvaluationSet<'_>, tally: &Tally) -> EvaluationReport {
    let EvaluationSet { name, step, criterion, decision, .. } = *split;
    let Tally { matrix, losses, sureness, ranking } = tally;
    let loss: f64 = losses.iter().sum();
    let ranked = ranking.as_ref().map(|ranking| ranking.measures()).unwrap_or_default();
    EvaluationReport {
        step: step.0,
        split: name.to_owned(),
        loss: loss / weight(matrix, criterion),
        accuracy: matrix.accuracy(),
        accuracy_interval: wilson_interval(matrix.correct(), matrix.examples()),
        baseline_accuracy: matrix.baseline_accuracy(),
        f1: matrix.macro_f1(),
        mcc: matrix.matthews(),
        auroc: ranked.auroc,
        average_precision: ranked.average_precision,
        best_threshold: ranked.best_threshold,
        temperature: (decision.temperature != 1.0).then_some(decision.temperature),
        threshold: decision.threshold,
        examples: matrix.examples(),
        correct: matrix.correct(),
        confusion: matrix.rows(),
        reliability: sureness.reliability(),
        mistakes: sureness.mistakes(),
        seconds: 0.0,
    }
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
