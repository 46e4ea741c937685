//! Which run a checkpoint belongs to: everything that decides an update, in words for people.
//!
//! A run that went on with other settings would end with weights that no single run gives. The
//! fields are compared as they are written, and shown where they differ; their names are those of
//! the flags, so that the message says what to set.

use lockstep_data::{Order, TokenStore};
use lockstep_model::{Classifier, DropoutRates};
use lockstep_optim::DecayRule;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::TrainSettings;

/// What has to be equal for a run to resume from a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) seed: u64,
    pub(crate) total_updates: u64,
    pub(crate) global_batch_size: usize,
    pub(crate) gradient_accumulation_steps: usize,
    pub(crate) train_examples: usize,
    /// A hash of the training tokens and labels.
    pub(crate) train_data_hash: String,
    pub(crate) no_shuffle: bool,
    #[serde(default)]
    pub(crate) deterministic: bool,
    pub(crate) classes: String,
    pub(crate) head: String,
    pub(crate) dropout: String,
    pub(crate) attention_dropout: String,
    /// Of BERT and RoBERTa only; checkpoints of versions that did not drop there have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attention_output_dropout: Option<String>,
    pub(crate) head_dropout: String,
    #[serde(default = "only_precision")]
    pub(crate) precision: String,
    pub(crate) learning_rate: f64,
    pub(crate) head_learning_rate: f64,
    pub(crate) lr_scheduler_type: String,
    pub(crate) warmup_steps: u64,
    pub(crate) weight_decay: f64,
    pub(crate) no_decay_bias_norm: bool,
    pub(crate) adam_beta1: f64,
    pub(crate) adam_beta2: f64,
    pub(crate) adam_epsilon: f64,
    pub(crate) max_grad_norm: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) class_weights: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label_smoothing_factor: Option<f64>,
}

/// One thing in which two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The setting or fact that differs.
    pub name: String,
    /// What it is in this run.
    pub here: String,
    /// What it was in the checkpoint's.
    pub there: String,
}

impl Identity {
    /// The identity of a run of `total` updates.
    pub(crate) fn of(
        settings: &TrainSettings,
        total: u64,
        model: &Classifier,
        train: &TokenStore,
    ) -> Self {
        let TrainSettings { adamw, peak_rates, .. } = settings;
        let DropoutRates { hidden, attention, attention_output, head } = model.dropout_rates();
        Self {
            seed: settings.seed.0,
            total_updates: total,
            global_batch_size: settings.global_batch.get(),
            gradient_accumulation_steps: settings.accumulation.get(),
            train_examples: train.len(),
            train_data_hash: format!("{:016x}", train.fingerprint()),
            no_shuffle: settings.order == Order::AsInFile,
            deterministic: settings.deterministic,
            classes: model.labels().join(", "),
            head: name(model.head()),
            dropout: hidden.to_string(),
            attention_dropout: attention.to_string(),
            attention_output_dropout: Some(attention_output)
                .filter(|rate| *rate > 0.0)
                .map(|rate| rate.to_string()),
            head_dropout: head.to_string(),
            precision: model.precision().to_string(),
            learning_rate: peak_rates.encoder,
            head_learning_rate: peak_rates.head,
            lr_scheduler_type: name(settings.schedule),
            warmup_steps: settings.warmup.updates(total),
            weight_decay: adamw.weight_decay,
            no_decay_bias_norm: adamw.decay == DecayRule::NotBiasOrNorm,
            adam_beta1: adamw.beta1,
            adam_beta2: adamw.beta2,
            adam_epsilon: adamw.epsilon,
            max_grad_norm: settings.max_grad_norm,
            class_weights: in_words(settings.criterion.weights()),
            label_smoothing_factor: Some(settings.criterion.smoothing()).filter(|e| *e > 0.0),
        }
    }

    /// What differs from the run of a checkpoint.
    pub(crate) fn differences(&self, other: &Self) -> Vec<Difference> {
        let fields = |identity: &Self| match serde_json::to_value(identity) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (mine, theirs) = (fields(self), fields(other));
        let others = theirs.keys().filter(|name| !mine.contains_key(*name));
        let said = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), words);
        let differs = |name: &String| {
            let (mine, theirs) = (mine.get(name), theirs.get(name));
            let (here, there) = (said(mine), said(theirs));
            (mine != theirs).then(|| Difference { name: name.clone(), here, there })
        };
        mine.keys().chain(others).filter_map(differs).collect()
    }
}

/// What checkpoints that name no precision were computed in.
fn only_precision() -> String {
    "f32".to_owned()
}

/// Weights as people read them; nothing where there are none.
fn in_words(weights: &[f64]) -> Option<String> {
    let words: Vec<String> = weights.iter().map(f64::to_string).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// A value as people read it.
pub(crate) fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A choice by its serde name, which outlives the name of the variant.
fn name(choice: impl Serialize) -> String {
    serde_json::to_value(choice).as_ref().map_or_else(ToString::to_string, words)
}
