//! `log_history` of `trainer_state.json`: what Hugging Face's `Trainer` logs, under its keys, so that
//! notebooks plot it.
//!
//! An entry is a window of updates, or an evaluation. Its size is bounded: where there are too many
//! windows, each two become one, and further ones span twice as many updates; where there are too many
//! evaluations, every second one goes. So it depends on the updates alone, also after a resume.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::losses::Losses;
use crate::{EvaluationReport, UpdateReport};

/// Windows that are kept at most, and evaluations.
const MOST: usize = 1000;

/// When updates are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logging {
    /// Updates between entries.
    pub every: NonZeroU64,
    /// Whether the first update has an entry too.
    pub first: bool,
}

/// The entries, and the window that is under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    losses: Losses,
    /// How many of the windows that were asked for one window is.
    width: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { losses: Losses::default(), width: 1 }
    }
}

impl Window {
    /// Takes an update, and adds an entry where the window ends with it.
    pub(crate) fn note(
        &mut self,
        history: &mut Vec<Value>,
        report: &UpdateReport,
        logging: Logging,
        is_last: bool,
    ) {
        if !report.skipped {
            self.losses.add(report.loss);
        }
        let span = logging.every.get().saturating_mul(self.width);
        let is_end = report.step.is_multiple_of(span) || logging.first && report.step == 1;
        if !is_end && !is_last {
            return;
        }
        let losses = std::mem::take(&mut self.losses);
        history.push(json!({
            "step": report.step, "epoch": report.epoch,
            "loss": (losses.updates > 0).then(|| losses.mean()),
            "grad_norm": report.grad_norm, "learning_rate": report.lr[0],
            "head_learning_rate": report.lr[1],
        }));
        if history.iter().filter(|entry| is_window(entry)).count() > MOST {
            self.width = self.width.saturating_mul(2);
            halve(history, logging.every.get().saturating_mul(self.width));
        }
    }
}

/// Adds an evaluation of the validation split.
pub(crate) fn note_evaluation(history: &mut Vec<Value>, report: &EvaluationReport, epoch: f64) {
    history.push(json!({
        "step": report.step, "epoch": epoch, "eval_loss": report.loss,
        "eval_accuracy": report.accuracy, "eval_f1": report.f1, "eval_mcc": report.mcc,
        "eval_samples": report.examples, "eval_runtime": report.seconds,
        "eval_samples_per_second": report.examples as f64 / report.seconds.max(1e-9),
    }));
    if history.iter().filter(|entry| !is_window(entry)).count() > MOST {
        let mut place = 0;
        history.retain(|entry| {
            place += usize::from(!is_window(entry));
            is_window(entry) || place % 2 == 1
        });
    }
}

fn is_window(entry: &Value) -> bool {
    entry.get("learning_rate").is_some()
}

/// Joins each window that does not end with a multiple of `span` updates with the one behind it.
fn halve(history: &mut Vec<Value>, span: u64) {
    let mut kept = Vec::with_capacity(history.len());
    let (mut before, mut sum, mut updates) = (0, 0.0, 0);
    let last = history.iter().rposition(is_window);
    for (place, mut entry) in std::mem::take(history).into_iter().enumerate() {
        if !is_window(&entry) {
            kept.push(entry);
            continue;
        }
        let step = entry["step"].as_u64().unwrap_or(before);
        if let Some(loss) = entry["loss"].as_f64() {
            let own = step.saturating_sub(before);
            sum += loss * own as f64;
            updates += own;
        }
        before = step;
        if !step.is_multiple_of(span) && Some(place) != last {
            continue;
        }
        if updates > 0 {
            entry["loss"] = json!(sum / updates as f64);
        }
        (sum, updates) = (0.0, 0);
        kept.push(entry);
    }
    *history = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(step: u64) -> UpdateReport {
        serde_json::from_value(json!({
            "step": step, "epoch": 0.5, "loss": step as f64, "grad_norm": 1.5, "lr": [1e-5, 1e-4],
            "examples": 16, "tokens": 385, "seconds": 0.4,
        }))
        .unwrap()
    }

    fn logged(updates: u64, every: u64, first: bool) -> Vec<Value> {
        let (mut window, mut history) = (Window::default(), Vec::new());
        let logging = Logging { every: NonZeroU64::new(every).unwrap(), first };
        for step in 1..=updates {
            window.note(&mut history, &report(step), logging, step == updates);
        }
        history
    }

    fn steps_and_losses(history: &[Value]) -> Vec<(u64, f64)> {
        let read =
            |entry: &Value| (entry["step"].as_u64().unwrap(), entry["loss"].as_f64().unwrap());
        history.iter().map(read).collect()
    }

    #[test]
    fn a_window_has_the_mean_loss_of_its_updates() {
        assert_eq!(steps_and_losses(&logged(5, 2, false)), [(2, 1.5), (4, 3.5), (5, 5.0)]);
        assert_eq!(steps_and_losses(&logged(4, 2, true)), [(1, 1.0), (2, 2.0), (4, 3.5)]);
        let entry = &logged(2, 2, false)[0];
        let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
        let expected =
            ["epoch", "grad_norm", "head_learning_rate", "learning_rate", "loss", "step"];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_long_run_has_no_more_entries_and_loses_no_loss() {
        let updates = 10_007;
        let history = logged(updates, 1, false);
        assert!((MOST / 2..=MOST).contains(&history.len()), "{} entries", history.len());
        let mut before = 0;
        let weighted = steps_and_losses(&history).into_iter().map(|(step, loss)| {
            let own = step - std::mem::replace(&mut before, step);
            loss * own as f64
        });
        let sum: f64 = weighted.sum();
        let expected = updates as f64 * (updates + 1) as f64 / 2.0;
        assert!((sum / expected - 1.0).abs() < 1e-9, "{sum} is not {expected}");
        assert_eq!(steps_and_losses(&history).last().map(|last| last.0), Some(updates));
    }

    #[test]
    fn many_evaluations_are_thinned_and_windows_are_not() {
        let mut history = logged(3, 1, false);
        let evaluation = json!({
            "step": 1, "split": "validation", "loss": 0.1, "accuracy": 0.8, "f1": 0.5, "mcc": 0.5,
            "accuracy_interval": [0, 1], "examples": 10, "correct": 8, "seconds": 0.1, "confusion": [],
        });
        let mut evaluation: EvaluationReport = serde_json::from_value(evaluation).unwrap();
        for step in 1..=2_501 {
            evaluation.step = step;
            note_evaluation(&mut history, &evaluation, 1.0);
        }
        let evaluations: Vec<&Value> = history.iter().filter(|entry| !is_window(entry)).collect();
        assert!(evaluations.len() <= MOST && history.len() - evaluations.len() == 3);
        assert_eq!(evaluations.last().unwrap()["step"], 2_501);
    }
}
