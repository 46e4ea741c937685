//! `all_results.json`: what a run reached, under the names of Hugging Face's `Trainer`.

use serde_json::{Map, Value, json};

use crate::EvaluationReport;
use crate::journal::Journal;

/// The results, with those of the evaluations of the final model.
pub(crate) fn all_results(
    journal: &Journal,
    evaluations: &[EvaluationReport],
) -> Map<String, Value> {
    let work = journal.work;
    let seconds = work.seconds.max(f64::MIN_POSITIVE);
    let mut results = Map::new();
    for (key, value) in [
        ("epoch", json!(journal.epoch)),
        ("global_step", json!(journal.global_step)),
        ("train_samples", json!(journal.identity.train_examples)),
        ("train_loss", json!(journal.run_losses.mean())),
        ("train_runtime", json!(work.seconds)),
        ("train_samples_per_second", json!(work.examples as f64 / seconds)),
        ("train_steps_per_second", json!(work.updates as f64 / seconds)),
    ] {
        results.insert(key.to_owned(), value);
    }
    if journal.skipped_updates > 0 {
        results.insert("skipped_updates".to_owned(), json!(journal.skipped_updates));
    }
    evaluations.iter().for_each(|report| results.extend(of_evaluation(report)));
    results
}

/// The results of an evaluation, under the names of its split.
fn of_evaluation(report: &EvaluationReport) -> impl Iterator<Item = (String, Value)> {
    let prefix = if report.split == "validation" { "eval" } else { &report.split }.to_owned();
    let measures = [
        ("accuracy", Some(json!(report.accuracy))),
        ("accuracy_interval", Some(json!(report.accuracy_interval))),
        ("baseline_accuracy", Some(json!(report.baseline_accuracy))),
        ("f1", Some(json!(report.f1))),
        ("mcc", Some(json!(report.mcc))),
        ("auroc", report.auroc.map(Value::from)),
        ("average_precision", report.average_precision.map(Value::from)),
        ("loss", Some(json!(report.loss))),
        ("samples", Some(json!(report.examples))),
        ("runtime", Some(json!(report.seconds))),
        ("samples_per_second", Some(json!(report.examples as f64 / report.seconds.max(1e-9)))),
    ];
    measures.into_iter().filter_map(move |(key, value)| Some((format!("{prefix}_{key}"), value?)))
}
