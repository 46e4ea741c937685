//! A run as the trainer understands it: every value is known, checked and in its final unit.
//!
//! The launcher turns what a user wrote into this; nothing here has a default to be looked up.

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use lockstep_data::Order;
use lockstep_gpu::Graphs;
use lockstep_model::Criterion;
use lockstep_optim::{AdamWSettings, Rates, ScheduleShape, Warmup};
use lockstep_program::{Arithmetic, Unsupported};
use lockstep_world::Seed;

use crate::{BestMetric, Logging, Usage};

/// Everything that decides what a run does, apart from the model and the data themselves.
#[derive(Clone, Debug)]
pub struct TrainSettings {
    /// Where dropout masks come from; the data order has its own inside `order`.
    pub seed: Seed,
    /// How the examples are ordered in each epoch.
    pub order: Order,
    /// How long the run is.
    pub length: RunLength,
    /// Examples in one update, over all ranks and micro-batches.
    pub global_batch: NonZeroUsize,
    /// Forward and backward passes one update is split into.
    pub accumulation: NonZeroUsize,
    /// The highest learning rate of each group.
    pub peak_rates: Rates,
    /// How the rates go down after the warm-up.
    pub schedule: ScheduleShape,
    /// How long the rates rise from 0.
    pub warmup: Warmup,
    /// The optimiser's constants.
    pub adamw: AdamWSettings,
    /// The global norm gradients are clipped to.
    pub max_grad_norm: f64,
    /// What the loss of an example is, in training and in evaluations.
    pub criterion: Criterion,
    /// What becomes of an update whose loss or gradient is not finite.
    pub on_nonfinite: OnNonFinite,
    /// When the validation set is evaluated.
    pub evaluation: Cadence,
    /// When a checkpoint is written.
    pub saving: Saving,
    /// When the weights of all replicas are compared.
    pub replica_check: Cadence,
    /// What evaluations are compared by.
    pub best_metric: BestMetric,
    /// After how many evaluations without a better one the run ends.
    pub early_stopping: Option<NonZeroUsize>,
    /// Which updates `log_history` has.
    pub logging: Logging,
    /// Whether the first updates of this process are traced.
    pub trace: bool,
    /// What is written beside the weights for their users.
    pub usage: Usage,
    /// Where everything is written.
    pub output_dir: PathBuf,
    /// Whether the weights have the same bits at any number of ranks, up to eight.
    pub deterministic: bool,
    /// How updates are recorded, on a GPU.
    pub recording: Option<Recording>,
}

impl TrainSettings {
    /// Whether recorded programs take this loss.
    pub(crate) fn check_loss(&self) -> Result<(), Unsupported> {
        if self.criterion.is_plain() { Ok(()) } else { Err(Unsupported::Loss) }
    }
}

/// How the updates of a GPU are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// How the encoder's products multiply.
    pub arithmetic: Arithmetic,
    /// Whether the host starts an update as one graph, or operation by operation.
    pub graphs: Graphs,
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunLength {
    /// Passes over the training set; a fraction ends inside an epoch.
    Epochs(f64),
    /// Updates, however many passes that takes.
    Updates(NonZeroU64),
}

impl RunLength {
    /// The updates of the whole run; an epoch that is cut short counts its part, rounded up.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the launcher admits positive numbers only; a float saturates"
    )]
    pub fn updates(self, updates_per_epoch: u64) -> u64 {
        match self {
            Self::Epochs(epochs) => (epochs * updates_per_epoch as f64).ceil() as u64,
            Self::Updates(updates) => updates.get(),
        }
    }
}

/// What becomes of an update whose loss or gradient is infinite or NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNonFinite {
    /// The run fails.
    Fail,
    /// It is skipped: it changes neither weights nor moments, and the schedule advances. The run fails
    /// when more than this many updates in a row are skipped.
    Skip(NonZeroU64),
}

impl OnNonFinite {
    /// How many updates in a row may be skipped.
    pub(crate) fn most(self) -> u64 {
        match self {
            Self::Fail => 0,
            Self::Skip(most) => most.get(),
        }
    }
}

/// When something recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// Not at all.
    Never,
    /// At the end of each epoch, and of the run.
    EveryEpoch,
    /// After each so many updates, and at the end of the run.
    EverySteps(NonZeroU64),
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::EveryEpoch => f.write_str("after each epoch"),
            Self::EverySteps(NonZeroU64::MIN) => f.write_str("after each update"),
            Self::EverySteps(steps) => write!(f, "after each {steps} updates"),
        }
    }
}

/// What is kept of a run while it lasts.
#[derive(Clone, Copy, Debug)]
pub struct Saving {
    /// When a checkpoint is written.
    pub cadence: Cadence,
    /// How many checkpoints stay on disk; the best one is kept beyond the limit.
    pub keep: Option<NonZeroUsize>,
    /// Which weights the final model has.
    pub final_model: FinalModel,
}

/// Which weights the final model has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalModel {
    /// Those of the last update.
    Last,
    /// Those of the best evaluation on the validation set.
    Best,
}
