//! What came of the seeds: `seeds.json`, and whose model is the result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lockstep_settings::{RunPlan, seed_folder};
use lockstep_trainer::{BestMetric, Spread};
use serde_json::{Map, Value, json};

use super::earlier::object;
use crate::failure::Failure;
use crate::output_dir::SEEDS_FILE;
use crate::write_file;

/// The version of its form.
const VERSION: u32 = 1;

/// The results of finished seeds.
pub(super) struct Outcome {
    /// In the order of the series.
    pub(super) seeds: Vec<SeedResults>,
    /// What evaluations are compared by.
    pub(super) metric: BestMetric,
    /// The place of the result's seed in `seeds`.
    pub(super) best: usize,
    /// Whether that was chosen by the metric on validation data; else it is the first one.
    pub(super) is_chosen: bool,
}

/// One finished seed.
pub(super) struct SeedResults {
    pub(super) seed: u64,
    /// Where it is.
    pub(super) directory: PathBuf,
    /// Its `all_results.json`.
    pub(super) results: Map<String, Value>,
}

impl Outcome {
    /// Reads the results of these seeds, which are finished.
    ///
    /// # Errors
    /// Results that cannot be read.
    pub(super) fn read(plan: &RunPlan, seeds: &[u64]) -> Result<Self, Failure> {
        let of_seed = |&seed: &u64| {
            let directory = plan.run.directory.join(seed_folder(seed));
            let path = directory.join("all_results.json");
            let results = object(&path).ok_or_else(|| Failure::Metrics {
                path: path.clone(),
                cause: "it is not a JSON object".to_owned(),
            })?;
            Ok(SeedResults { seed, directory, results })
        };
        let seeds: Vec<SeedResults> = seeds.iter().map(of_seed).collect::<Result<_, Failure>>()?;
        let metric = plan.train.best_metric;
        let best = best(&seeds, metric);
        Ok(Self { seeds, metric, best: best.unwrap_or(0), is_chosen: best.is_some() })
    }

    /// The seed whose model is the result.
    pub(super) fn result(&self) -> &SeedResults {
        &self.seeds[self.best]
    }

    /// What each metric was over the seeds, by its name in `all_results.json`.
    pub(super) fn spreads(&self) -> BTreeMap<String, Spread> {
        let names = self.seeds.first().into_iter().flat_map(|first| first.results.keys());
        let spread = |name: &String| {
            let values = self.seeds.iter().map(|one| number(&one.results, name));
            Some((name.clone(), Spread::of(values.collect::<Option<_>>()?)))
        };
        names.filter(|name| is_metric(name)).filter_map(spread).collect()
    }

    /// Writes `seeds.json` into the output directory of a series of so many `planned` seeds.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn write(&self, directory: &Path, planned: usize) -> Result<(), Failure> {
        let seed = |one: &SeedResults| json!({"seed": one.seed, "directory": seed_folder(one.seed), "results": one.results});
        let result = self.result();
        let is_whole = self.seeds.len() == planned;
        let object = json!({
            "version": VERSION,
            "planned": planned,
            "finished": self.seeds.len(),
            "metric_for_best_model": self.metric.name(),
            "result": is_whole.then(|| json!({
                "seed": result.seed,
                "chosen_by": self.is_chosen.then(|| self.key()),
                "value": number(&result.results, &self.key()),
            })),
            "metrics": self.spreads(),
            "seeds": self.seeds.iter().map(seed).collect::<Vec<_>>(),
        });
        write_file(&directory.join(SEEDS_FILE), &format!("{object:#}\n"))
    }

    /// The name of the metric that the result is chosen by.
    pub(super) fn key(&self) -> String {
        key(self.metric)
    }
}

fn key(metric: BestMetric) -> String {
    format!("eval_{}", metric.name())
}

/// The place of the best seed by the metric on validation data, of equal ones the first; nothing where
/// a seed has no such number.
fn best(seeds: &[SeedResults], metric: BestMetric) -> Option<usize> {
    let key = key(metric);
    let values: Vec<f64> =
        seeds.iter().map(|one| number(&one.results, &key)).collect::<Option<_>>()?;
    let mut best: Option<(usize, f64)> = None;
    for (place, value) in values.into_iter().enumerate() {
        if metric.is_gain(value, best.map(|(_, value)| value)) {
            best = Some((place, value));
        }
    }
    best.map(|(place, _)| place)
}

fn number(results: &Map<String, Value>, name: &str) -> Option<f64> {
    results.get(name)?.as_f64()
}

/// Whether a result says how good a model is, and not how long something took, how much was read, or what
/// no model is needed for.
fn is_metric(name: &str) -> bool {
    const OTHERS: [&str; 4] = ["_runtime", "_samples", "_per_second", "_baseline_accuracy"];
    let is_judged = name.starts_with("eval_") || name.starts_with("test_");
    name == "train_loss" || is_judged && !OTHERS.iter().any(|other| name.ends_with(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(results: &[Value]) -> Vec<SeedResults> {
        let seed = |(seed, results): (u64, &Value)| SeedResults {
            seed,
            directory: PathBuf::new(),
            results: results.as_object().unwrap().clone(),
        };
        (1..).zip(results).map(seed).collect()
    }

    #[test]
    fn the_result_is_the_best_by_the_metric_and_the_first_of_equals() {
        let check = |metric, results: &[Value], expected: Option<usize>| {
            assert_eq!(best(&seeds(results), metric), expected, "{results:?}");
        };
        let of = |accuracy: f64, loss: f64| json!({"eval_accuracy": accuracy, "eval_loss": loss});
        let three = [of(0.8, 0.3), of(0.9, 0.5), of(0.9, 0.2)];
        check(BestMetric::Accuracy, &three, Some(1));
        check(BestMetric::Loss, &three, Some(2));
        check(BestMetric::Accuracy, &[of(f64::NAN, 0.1), of(0.1, 0.1)], None);
        check(BestMetric::Accuracy, &[json!({"test_accuracy": 0.9}), of(0.1, 0.1)], None);
    }

    #[test]
    fn only_what_every_seed_has_and_what_is_a_metric_has_a_spread() {
        let results = json!({
            "eval_accuracy": 0.5, "eval_accuracy_interval": [0.1, 0.9], "eval_samples": 10,
            "eval_runtime": 1.0, "eval_samples_per_second": 10.0, "train_loss": 0.7,
            "eval_baseline_accuracy": 0.5,
            "train_runtime": 3.0, "global_step": 4, "epoch": 1.0, "test_f1": 0.4,
        });
        let other = json!({"eval_accuracy": 0.7, "train_loss": 0.6, "test_f1": null, "eval_baseline_accuracy": 0.5});
        let seeds = seeds(&[results, other]);
        let outcome = Outcome { seeds, metric: BestMetric::Accuracy, best: 0, is_chosen: true };
        let spreads = outcome.spreads();
        assert_eq!(spreads.keys().collect::<Vec<_>>(), ["eval_accuracy", "train_loss"]);
        assert!((spreads["eval_accuracy"].mean - 0.6).abs() < 1e-12);
    }
}
