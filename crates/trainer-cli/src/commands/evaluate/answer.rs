//! What an evaluation found, for people and for programs.

use lockstep_data::CorpusFacts;
use lockstep_trainer::{EvaluationReport, calibration_error};
use lockstep_world::counted;
use serde_json::json;

use super::by_class::{classes, confusions, in_a_cell, table};
use super::{Calibrated, calibrating::Fitted};
use crate::failure::Failure;
use crate::finished::Finished;

/// What was found, and on what.
pub(super) struct Evaluated<'a> {
    pub(super) report: &'a EvaluationReport,
    pub(super) calibration: &'a Calibrated,
    pub(super) corpus: &'a CorpusFacts,
    /// Texts that were cut.
    pub(super) truncated: usize,
    pub(super) finished: &'a Finished,
}

impl Evaluated<'_> {
    fn names(&self) -> &[String] {
        self.finished.labels.names()
    }

    /// The second of two classes.
    fn positive(&self) -> Option<&String> {
        if self.names().len() == 2 { self.names().last() } else { None }
    }

    /// The class with the most examples, the first of equals.
    fn majority(&self) -> Option<&String> {
        let examples = |class: &(usize, &String)| {
            self.report.confusion.get(class.0).map_or(0, |row| row.iter().sum::<u64>())
        };
        self.names().iter().enumerate().rev().max_by_key(examples).map(|(_, name)| name)
    }

    /// The calibration error; nothing where it is not known.
    fn error(&self) -> f64 {
        calibration_error(&self.report.reliability)
    }

    /// One JSON object.
    ///
    /// # Errors
    /// The serialiser's.
    pub(super) fn json(&self) -> Result<String, Failure> {
        let Self { report, corpus, finished, .. } = self;
        let mut value = serde_json::to_value(report).map_err(|e| Failure::Output(e.into()))?;
        let Some(object) = value.as_object_mut() else { return Ok(String::new()) };
        object.remove("step");
        for (key, value) in [
            ("labels", json!(self.names())),
            ("counts", json!(corpus.counts())),
            ("labels_read_as_ids", json!(corpus.numbered())),
            ("skipped", json!(corpus.skipped().total())),
            ("max_seq_length", json!(finished.max_length.get())),
            ("truncated", json!(self.truncated)),
            ("majority_class", json!(self.majority())),
            ("ece", json!(self.error())),
            ("per_class", json!(classes(&report.confusion, self.names()))),
        ] {
            object.insert(key.to_owned(), value);
        }
        if let Some(positive) = self.positive() {
            object.insert("positive_class".to_owned(), json!(positive));
        }
        if let Some(sampled) = corpus.sampled() {
            object.insert("sampled_from".to_owned(), json!(sampled.of()));
        }
        if let Calibrated::Now(Fitted { path, loss, error }) = self.calibration {
            let fitted = json!({"file": path, "loss_before": loss, "ece_before": error});
            object.insert("calibration".to_owned(), fitted);
        }
        Ok(format!("{value}\n"))
    }

    /// Lines for people.
    pub(super) fn table(&self) -> String {
        let Self { report, corpus, .. } = self;
        let [low, high] = report.accuracy_interval;
        let examples = match corpus.sampled() {
            None => report.examples.to_string(),
            Some(sampled) => sampled.in_words(corpus.count()) + ",",
        };
        let mut text = format!(
            "examples   {examples} from {}\naccuracy   {:.4}  (95 % interval {low:.4} to {high:.4})\n",
            report.split, report.accuracy
        );
        text += &self.baseline();
        text += &format!("macro F1   {:.4}\nMCC        {:.4}\n", report.f1, report.mcc);
        text += &self.ranked();
        text += &format!("mean loss  {:.4}\n", report.loss);
        text += &format!(
            "ECE        {:.4}  gap between confidence and accuracy, in 10 bins\n",
            self.error()
        );
        text += &self.decided();
        text += &format!("data       {}\n", crate::classes::in_words(corpus));
        text += &crate::classes::numbered(corpus).replacen("           ", "labels     ", 1);
        if !corpus.skipped().is_empty() {
            text += &format!(
                "skipped    {}: {}\n",
                counted(corpus.skipped().total(), "row"),
                corpus.skipped()
            );
        }
        let limit = self.finished.max_length.get();
        text += &format!("truncated  {} to {limit} tokens\n", counted(self.truncated, "text"));
        text += &table(&report.confusion, self.names());
        text + &confusions(&report.confusion, self.names())
    }

    fn baseline(&self) -> String {
        let Some(name) = self.majority() else { return String::new() };
        let baseline = self.report.baseline_accuracy;
        let is_better = self.report.accuracy > baseline;
        format!(
            "baseline   {baseline:.4}  if `{}`, the most frequent class, were every answer{}\n",
            in_a_cell(name),
            if is_better { "" } else { "; the model is not better" }
        )
    }

    /// What the order of the probabilities shows.
    fn ranked(&self) -> String {
        let of = match self.positive() {
            Some(name) => format!("of `{}`", in_a_cell(name)),
            None => "mean over each class against the rest".to_owned(),
        };
        let line = |name: &str, value: Option<f64>, of: &str| {
            value.map_or_else(String::new, |value| format!("{name:<10} {value:.4}  {of}\n"))
        };
        let average = format!("average precision, {of}");
        let mut text = line("AUROC", self.report.auroc, &of);
        text += &line("AP", self.report.average_precision, &average);
        if let Some(best) = self.report.best_threshold {
            let of = format!("{of}, with --threshold {}", best.threshold);
            text += &line("best F1", Some(best.f1), &of);
        }
        text
    }

    /// The threshold and the temperature.
    fn decided(&self) -> String {
        let mut text = String::new();
        if let Some((threshold, name)) = self.report.threshold.zip(self.positive()) {
            let name = in_a_cell(name);
            text += &format!(
                "threshold  `{name}` is the answer from a probability of {threshold} on\n"
            );
        }
        let temperature = self.report.temperature.unwrap_or(1.0);
        text += &match self.calibration {
            Calibrated::Not if temperature == 1.0 => String::new(),
            Calibrated::Not => format!("calibrated temperature {temperature} of --temperature\n"),
            Calibrated::Before(words) => format!("calibrated {words}\n"),
            Calibrated::Now(Fitted { path, loss, error }) => format!(
                "calibrated temperature {temperature:.4}, written to {}; before it the mean loss was \
                 {loss:.4} and the ECE {error:.4}\n",
                path.display()
            ),
        };
        text
    }
}
