//! What a run remembers of itself beside weights and moments: `trainer_state.json`.
//!
//! Nothing in here changes an update. It is what reports need after a resume (the losses of the
//! epoch so far, the best evaluation) and what shows that a checkpoint belongs to this run.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::history::{self, Window};
use crate::identity::Identity;
use crate::losses::Losses;
use crate::spikes::RecentLosses;
use crate::work::Work;
use crate::{BestMetric, EvaluationReport, Logging, UpdateReport};

/// The content of `trainer_state.json`; the upper keys are those of Hugging Face's `TrainerState`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Journal {
    pub(crate) global_step: u64,
    pub(crate) epoch: f64,
    pub(crate) max_steps: u64,
    pub(crate) train_batch_size: usize,
    pub(crate) best_metric: Option<f64>,
    pub(crate) best_global_step: Option<u64>,
    pub(crate) best_model_checkpoint: Option<String>,
    pub(crate) log_history: Vec<Value>,
    /// The updates that have no entry in it yet.
    #[serde(default)]
    pub(crate) window: Window,
    pub(crate) identity: Identity,
    /// Losses of the epoch that is under way.
    pub(crate) epoch_losses: Losses,
    /// Losses of the whole run.
    pub(crate) run_losses: Losses,
    /// What all updates cost, those before a resume included.
    pub(crate) work: Work,
    /// Evaluations since the best one.
    pub(crate) evaluations_without_gain: usize,
    /// What the evaluations were made on.
    #[serde(default)]
    pub(crate) judged_on: Option<String>,
    /// The metric that the evaluations were compared by.
    #[serde(default = "accuracy")]
    pub(crate) judged_by: String,
    /// Updates that were skipped.
    #[serde(default)]
    pub(crate) skipped_updates: u64,
    /// How many of them are the last ones.
    #[serde(default)]
    pub(crate) skipped_in_a_row: u64,
    /// What the loss usually is.
    #[serde(default)]
    pub(crate) recent_losses: RecentLosses,
    /// Whether an evaluation of this step is yet to be made, because a stop cut it short.
    #[serde(default)]
    pub(crate) evaluation_is_due: bool,
}

/// The metric of checkpoints that do not say it.
fn accuracy() -> String {
    BestMetric::Accuracy.name().to_owned()
}

impl Journal {
    pub(crate) fn new(identity: Identity, judged_on: Option<String>, metric: BestMetric) -> Self {
        Self {
            global_step: 0,
            epoch: 0.0,
            max_steps: identity.total_updates,
            train_batch_size: identity.global_batch_size,
            best_metric: None,
            best_global_step: None,
            best_model_checkpoint: None,
            log_history: Vec::new(),
            window: Window::default(),
            identity,
            epoch_losses: Losses::default(),
            run_losses: Losses::default(),
            work: Work::default(),
            evaluations_without_gain: 0,
            judged_on,
            judged_by: metric.name().to_owned(),
            skipped_updates: 0,
            skipped_in_a_row: 0,
            recent_losses: RecentLosses::default(),
            evaluation_is_due: false,
        }
    }

    /// Lets no earlier evaluation count; the weights as they are are to be evaluated again.
    pub(crate) fn forget_best(&mut self) {
        self.best_metric = None;
        self.best_global_step = None;
        self.best_model_checkpoint = None;
        self.evaluations_without_gain = 0;
        self.evaluation_is_due = true;
    }

    /// Names the checkpoint that is about to be written, if its weights are the best so far.
    pub(crate) fn note_checkpoint(&mut self, directory: &Path) {
        if self.best_global_step == Some(self.global_step) {
            self.best_model_checkpoint = Some(directory.display().to_string());
        }
    }

    /// Names no checkpoint that is not there.
    pub(crate) fn forget_lost_checkpoint(&mut self) {
        self.best_model_checkpoint.take_if(|directory| !Path::new(directory).is_dir());
    }

    pub(crate) fn note_update(&mut self, report: &UpdateReport, logging: Logging) {
        self.global_step = report.step;
        self.epoch = report.epoch;
        self.work.add(report);
        if report.skipped {
            self.skipped_updates += 1;
            self.skipped_in_a_row += 1;
        } else {
            self.skipped_in_a_row = 0;
            self.epoch_losses.add(report.loss);
            self.run_losses.add(report.loss);
        }
        let is_last = report.step == self.max_steps;
        self.window.note(&mut self.log_history, report, logging, is_last);
    }

    pub(crate) fn note_epoch(&mut self) {
        self.epoch_losses = Losses::default();
    }

    /// Notes the end of the run, as Hugging Face's `Trainer` does.
    pub(crate) fn note_end(&mut self) {
        let seconds = self.work.seconds.max(f64::MIN_POSITIVE);
        self.log_history.push(serde_json::json!({
            "step": self.global_step, "epoch": self.epoch, "train_loss": self.run_losses.mean(),
            "train_runtime": self.work.seconds,
            "train_samples_per_second": self.work.examples as f64 / seconds,
            "train_steps_per_second": self.work.updates as f64 / seconds,
        }));
    }

    /// Notes an evaluation of the validation split, and whether it is the best so far.
    pub(crate) fn note_evaluation(&mut self, report: &EvaluationReport, metric: BestMetric) {
        self.evaluation_is_due = false;
        history::note_evaluation(&mut self.log_history, report, self.epoch);
        let value = metric.of(report);
        if metric.is_gain(value, self.best_metric) {
            self.best_metric = Some(value);
            self.best_global_step = Some(report.step);
            // Named once there is one.
            self.best_model_checkpoint = None;
            self.evaluations_without_gain = 0;
        } else {
            self.evaluations_without_gain += 1;
        }
    }
}
