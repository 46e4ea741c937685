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
    for report in evaluations {
        let prefix = if report.split == "validation" { "eval" } else { &report.split };
        for (key, value) in [
            ("accuracy", json!(report.accuracy)),
            ("accuracy_interval", json!(report.accuracy_interval)),
            ("baseline_accuracy", json!(report.baseline_accuracy)),
            ("f1", json!(report.f1)),
            ("mcc", json!(report.mcc)),
            ("loss", json!(report.loss)),
            ("samples", json!(report.examples)),
            ("runtime", json!(report.seconds)),
            ("samples_per_second", json!(report.examples as f64 / report.seconds.max(1e-9))),
        ] {
            results.insert(format!("{prefix}_{key}"), value);
        }
        let ranked = [("auroc", report.auroc), ("average_precision", report.average_precision)];
        for (key, value) in ranked {
            results.extend(value.map(|value| (format!("{prefix}_{key}"), json!(value))));
        }
    }
    results
}
