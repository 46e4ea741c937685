//! Which run a checkpoint belongs to: everything that decides an update, in words for people.
//!
//! A run that went on with other settings would end with weights that no single run gives. The
//! fields are compared as they are written, and shown where they differ; their names are those of
//! the flags, so that whoever reads the message knows what to set.

use lockstep_data::{Order, TokenStore};
use lockstep_model::{Classifier, DropoutRates};
use lockstep_optim::{AdamWSettings, DecayRule};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::TrainSettings;

/// What has to be equal for a run to go on from a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) seed: u64,
    pub(crate) total_updates: u64,
    pub(crate) global_batch_size: usize,
    pub(crate) train_examples: usize,
    /// A hash of the training tokens and labels.
    pub(crate) train_tokens: String,
    pub(crate) order: String,
    pub(crate) head: String,
    pub(crate) dropout: String,
    pub(crate) learning_rate: f64,
    pub(crate) head_learning_rate: f64,
    pub(crate) schedule: String,
    pub(crate) adamw: String,
    pub(crate) max_grad_norm: f64,
}

/// One thing in which two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
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
        Self {
            seed: settings.seed.0,
            total_updates: total,
            global_batch_size: settings.global_batch.get(),
            train_examples: train.len(),
            train_tokens: format!("{:016x}", train.fingerprint()),
            order: order(settings.order).to_owned(),
            head: format!("{:?}", model.head()).to_lowercase(),
            dropout: dropout(model.dropout_rates()),
            learning_rate: settings.peak_rates.encoder,
            head_learning_rate: settings.peak_rates.head,
            schedule: format!(
                "{} after {} updates of warm-up",
                format!("{:?}", settings.schedule).to_lowercase(),
                settings.warmup.updates(total)
            ),
            adamw: adamw(settings.adamw),
            max_grad_norm: settings.max_grad_norm,
        }
    }

    /// What differs from the run of a checkpoint.
    pub(crate) fn differences(&self, other: &Self) -> Vec<Difference> {
        let fields = |identity: &Self| match serde_json::to_value(identity) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let theirs = fields(other);
        let differs = |(name, mine): (String, Value)| {
            let their = theirs.get(&name)?;
            let (here, there) = (words(&mine), words(their));
            (*their != mine).then_some(Difference { name, here, there })
        };
        fields(self).into_iter().filter_map(differs).collect()
    }
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn order(order: Order) -> &'static str {
    match order {
        Order::Shuffled(_) => "shuffled",
        Order::AsInFile => "as in the file",
    }
}

fn dropout(DropoutRates { hidden, attention, head }: DropoutRates) -> String {
    format!("{hidden} in the encoder, {attention} on attention, {head} in the head")
}

fn adamw(settings: AdamWSettings) -> String {
    let AdamWSettings { beta1, beta2, epsilon, weight_decay, decay } = settings;
    let decays = match decay {
        DecayRule::Every => "every parameter",
        DecayRule::NotBiasOrNorm => "all but biases and norms",
    };
    format!("betas {beta1} and {beta2}, epsilon {epsilon:e}, decay {weight_decay} of {decays}")
}
