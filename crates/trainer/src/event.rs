//! What a run tells: one closed stream that the console, the files and the tests all read.
//!
//! The serialised form of [`TrainEvent::Update`], [`TrainEvent::LossSpike`] and
//! [`TrainEvent::Evaluation`] is the line format of `metrics.jsonl`; it changes only together with [`EVENT_VERSION`].

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ranking::BestThreshold;
use crate::reliability::{ConfidentMistake, ReliabilityBin};

/// The version of the serialised events.
pub const EVENT_VERSION: u32 = 1;

/// Something a run reports.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TrainEvent {
    /// The run is about to make its first update.
    Start(StartReport),
    /// An update was made.
    Update(UpdateReport),
    /// The loss of the last update is far above the usual ones.
    LossSpike(LossSpikeReport),
    /// An epoch ended.
    Epoch(EpochReport),
    /// A split was evaluated.
    Evaluation(EvaluationReport),
    /// A checkpoint is whole on disk.
    Checkpoint(CheckpointReport),
    /// The run ended.
    Finish(FinishReport),
}

/// What takes events. It cannot fail: what only reports a run does not end it.
pub trait Observer {
    /// Takes one event.
    fn observe(&mut self, event: &TrainEvent);
}

/// What is about to run.
#[derive(Clone, Debug, Serialize)]
pub struct StartReport {
    /// [`EVENT_VERSION`].
    pub version: u32,
    /// Examples in the training set.
    pub train_examples: usize,
    /// Tokens in the training set, after truncation.
    pub train_tokens: usize,
    /// Training examples that were cut at the maximum length.
    pub truncated: usize,
    /// Examples in the validation set, 0 without one.
    pub validation_examples: usize,
    /// Scalars in the model.
    pub parameters: usize,
    /// Updates of the whole run.
    pub total_updates: u64,
    /// Updates of one epoch.
    pub updates_per_epoch: u64,
    /// Updates that lie behind already, when the run was resumed.
    pub first_step: u64,
}

/// One update.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UpdateReport {
    /// The update's number, from 1.
    pub step: u64,
    /// How far the run is in passes over the data, after this update.
    pub epoch: f64,
    /// Mean cross-entropy over the global batch.
    #[serde(deserialize_with = "or_nan")]
    pub loss: f64,
    /// Global norm of the gradient before clipping.
    #[serde(deserialize_with = "or_nan")]
    pub grad_norm: f64,
    /// Whether it changed nothing, since its loss or gradient is not finite.
    #[serde(default, skip_serializing_if = "is_false")]
    pub skipped: bool,
    /// The rates this update used: encoder, head.
    pub lr: [f64; 2],
    /// Examples in the global batch.
    pub examples: usize,
    /// Tokens in the global batch.
    pub tokens: usize,
    /// Wall time of the update.
    pub seconds: f64,
    /// What summing the gradients over all ranks took of it, where there are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncReport>,
    /// 10^12 floating-point operations a second that all ranks together performed for the batch's
    /// tokens, where the engine runs recorded programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tflops: Option<f64>,
}

/// A number that JSON has as `null`, since it is not finite.
fn or_nan<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or(f64::NAN))
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The time in which gradients were summed over all ranks, waiting for slower ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SyncReport {
    /// All of it.
    pub seconds: f64,
    /// The part behind the backward pass; the rest was hidden by it.
    pub exposed: f64,
}

/// A loss far above those of the updates before it. It changes nothing.
#[derive(Clone, Debug, Serialize)]
pub struct LossSpikeReport {
    /// The update's number, from 1.
    pub step: u64,
    /// Its loss.
    pub loss: f64,
    /// The median of the losses before it.
    pub usual: f64,
    /// Global norm of its gradient before clipping.
    pub grad_norm: f64,
}

/// One pass over the training set.
#[derive(Clone, Debug, Serialize)]
pub struct EpochReport {
    /// The epoch's number, from 1.
    pub epoch: u64,
    /// Updates that lie behind.
    pub step: u64,
    /// Mean of the updates' losses in this epoch.
    pub average_loss: f64,
    /// Examples read in this epoch by this process's world since the start or the resume.
    pub examples: usize,
    /// Wall time of those examples' updates.
    pub seconds: f64,
}

/// One evaluation of a split. Every example is counted once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// Updates that lie behind.
    pub step: u64,
    /// `validation` or `test`.
    pub split: String,
    /// Mean cross-entropy.
    #[serde(deserialize_with = "or_nan")]
    pub loss: f64,
    /// Share of examples whose class was found.
    pub accuracy: f64,
    /// 95 % Wilson score interval of the accuracy.
    pub accuracy_interval: [f64; 2],
    /// What always answering the most frequent class gives.
    #[serde(default)]
    pub baseline_accuracy: f64,
    /// Unweighted mean over the classes of their F1.
    pub f1: f64,
    /// Matthews correlation coefficient, of many classes.
    pub mcc: f64,
    /// Area under the ROC curve: of the second of two classes, else the mean over each class against the
    /// rest. Nothing where it is not defined, or examples and classes are too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auroc: Option<f64>,
    /// Average precision, of the same classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<f64>,
    /// Of two classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_threshold: Option<BestThreshold>,
    /// What logits were divided by, where the model is calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The probability from which on the second of two classes was the answer, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Examples evaluated.
    pub examples: u64,
    /// Examples whose class was found.
    pub correct: u64,
    /// Examples by true class (row) and found class (column).
    pub confusion: Vec<Vec<u64>>,
    /// How often the found class was right, by its probability.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliability: Vec<ReliabilityBin>,
    /// The most confident mistakes, the surest first; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<ConfidentMistake>,
    /// Wall time.
    pub seconds: f64,
}

/// One checkpoint.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointReport {
    /// Updates that lie behind.
    pub step: u64,
    /// Where it is.
    pub directory: PathBuf,
    /// Seconds for which the updates waited until its writing had begun.
    pub held_up: f64,
}

/// How a run ended.
#[derive(Clone, Debug, Serialize)]
pub struct FinishReport {
    /// Updates that lie behind.
    pub step: u64,
    /// Why no further update was made.
    pub ending: Ending,
    /// Wall time since the start or the resume.
    pub seconds: f64,
    /// Where the final model, or the checkpoint to resume from, is.
    pub directory: PathBuf,
}

/// Why a run made no further update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All updates were made.
    Complete,
    /// The validation accuracy stopped rising.
    EarlyStop,
    /// The run was stopped; a checkpoint to resume from was written.
    Stopped,
}
