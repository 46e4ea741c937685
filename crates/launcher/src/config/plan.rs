//! A training run as it is meant: typed, complete, nothing left to look up.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use lockstep_data::{ColumnChoice, MaxLength, OnBadRow, Order, Renames};
use lockstep_model::{Dropouts, HeadKind};
use lockstep_optim::{AdamWSettings, Rates, ScheduleShape, Warmup};
use lockstep_trainer::{
    Arithmetic, Cadence, Graphs, Recording, RunLength, Saving, TrainSettings, Usage,
};
use lockstep_world::{Seed, WorldSize};

use super::terms::{DataSource, ModelName, Precision, Reporter};
use crate::device::Wish;

/// Everything a training run is decided by.
#[derive(Clone, Debug)]
pub(crate) struct RunPlan {
    /// What is trained.
    pub(crate) model: ModelPlan,
    /// What it is trained on.
    pub(crate) data: DataPlan,
    /// How long, and in which portions.
    pub(crate) train: TrainPlan,
    /// The optimiser and its schedule.
    pub(crate) optim: OptimPlan,
    /// Where it runs, and what it writes.
    pub(crate) run: OutputPlan,
    /// Every key with its value, as `run.toml` has them.
    pub(crate) settled: Vec<Settled>,
}

/// A key's value once all layers were put on one another.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    /// The key.
    pub(crate) name: &'static str,
    /// The value, as a flag would have it.
    pub(crate) text: String,
}

/// What is trained.
#[derive(Clone, Debug)]
pub(crate) struct ModelPlan {
    /// What to start from.
    pub(crate) name: ModelName,
    /// The classifier on top.
    pub(crate) head: HeadKind,
    /// Dropout that differs from the model's own.
    pub(crate) dropouts: Dropouts,
    /// What becomes of a head for other classes than the data's.
    pub(crate) mismatch: Mismatch,
}

/// What becomes of a head for other classes than the data's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// It is refused.
    Refused,
    /// A fresh one takes its place.
    FreshHead,
}

/// What it is trained on.
#[derive(Clone, Debug)]
pub(crate) struct DataPlan {
    /// Examples to learn from.
    pub(crate) train: DataSource,
    /// Examples to evaluate on.
    pub(crate) validation: Option<DataSource>,
    /// Examples for the final model.
    pub(crate) test: Option<DataSource>,
    /// How the files are read.
    pub(crate) reading: Reading,
    /// The order in which each epoch reads them.
    pub(crate) order: Order,
}

/// How data files are read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// The column of the texts.
    pub(crate) text_column: ColumnChoice,
    /// The column of the labels.
    pub(crate) label_column: ColumnChoice,
    /// The names of the labels in the files; else they are names themselves.
    pub(crate) label_map: Option<PathBuf>,
    /// The same as a model's training had it; what is given counts before it.
    pub(crate) remembered_map: Option<Renames>,
    /// What a row that cannot be used leads to.
    pub(crate) on_bad_row: OnBadRow,
    /// Tokens after which a text is cut.
    pub(crate) max_length: MaxLength,
}

/// How long, and in which portions.
#[derive(Clone, Debug)]
pub(crate) struct TrainPlan {
    /// Where all randomness comes from.
    pub(crate) seed: Seed,
    /// How long the run is.
    pub(crate) length: RunLength,
    /// How many examples an update takes.
    pub(crate) batch: BatchSize,
    /// Passes an update is split into.
    pub(crate) accumulation: NonZeroUsize,
    /// When the validation file is evaluated.
    pub(crate) evaluation: Cadence,
    /// After how many evaluations without a better one the run ends.
    pub(crate) early_stopping: Option<NonZeroUsize>,
}

/// How many examples an update takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchSize {
    /// So many on each device in each pass.
    PerDevice(NonZeroUsize),
    /// So many over all devices and passes.
    Global(NonZeroUsize),
}

impl BatchSize {
    /// Examples in one update.
    pub(crate) fn global(self, world: WorldSize, accumulation: NonZeroUsize) -> NonZeroUsize {
        match self {
            Self::Global(examples) => examples,
            Self::PerDevice(examples) => {
                let ranks = NonZeroUsize::new(world.get()).unwrap_or(NonZeroUsize::MIN);
                examples.saturating_mul(ranks).saturating_mul(accumulation)
            }
        }
    }
}

/// The optimiser and its schedule.
#[derive(Clone, Debug)]
pub(crate) struct OptimPlan {
    /// The highest rates.
    pub(crate) rates: Rates,
    /// The optimiser's constants.
    pub(crate) adamw: AdamWSettings,
    /// How the rates go on after the warm-up.
    pub(crate) schedule: ScheduleShape,
    /// How long they rise.
    pub(crate) warmup: Warmup,
    /// The norm gradients are clipped to.
    pub(crate) max_grad_norm: f64,
}

/// Where it runs, and what it writes.
#[derive(Clone, Debug)]
pub(crate) struct OutputPlan {
    /// The devices that are asked for.
    pub(crate) wish: Wish,
    /// The precision that is asked for.
    pub(crate) precision: Precision,
    /// How the host starts the updates of a GPU.
    pub(crate) graphs: Graphs,
    /// Where everything is written.
    pub(crate) directory: PathBuf,
    /// What happens to an earlier run there.
    pub(crate) existing: Existing,
    /// What is kept while the run goes on.
    pub(crate) saving: Saving,
    /// When the weights of all replicas are compared.
    pub(crate) replica_check: Cadence,
    /// How long a silent peer is borne.
    pub(crate) peer_timeout: Duration,
    /// Updates between lines on the console.
    pub(crate) logging_steps: NonZeroU64,
    /// Who is told.
    pub(crate) reporters: Vec<Reporter>,
}

/// What happens to an earlier run in the output directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is an error.
    Refuse,
    /// It is replaced.
    Replace,
    /// It is gone on with, from its newest checkpoint if it has one.
    GoOn,
    /// The run goes on from this checkpoint, wherever that is.
    GoOnFrom(PathBuf),
}

impl RunPlan {
    /// The plan as the trainer understands it, in a world of this size.
    pub(crate) fn settings(&self, world: WorldSize) -> TrainSettings {
        let Self { data, train, optim, run, .. } = self;
        TrainSettings {
            seed: train.seed,
            order: data.order,
            length: train.length,
            global_batch: train.batch.global(world, train.accumulation),
            accumulation: train.accumulation,
            peak_rates: optim.rates,
            schedule: optim.schedule,
            warmup: optim.warmup,
            adamw: optim.adamw,
            max_grad_norm: optim.max_grad_norm,
            evaluation: train.evaluation,
            saving: run.saving,
            replica_check: run.replica_check,
            early_stopping: train.early_stopping,
            usage: Usage { max_seq_length: data.reading.max_length.get(), ..Usage::default() },
            output_dir: run.directory.clone(),
            recording: None,
        }
    }

    /// How the updates of a GPU are recorded.
    pub(crate) fn recording(&self) -> Recording {
        let arithmetic = match self.run.precision {
            Precision::F32 => Arithmetic::F32,
            Precision::Tf32 => Arithmetic::Tf32,
            Precision::Bf16 => Arithmetic::Bf16,
        };
        Recording { arithmetic, graphs: self.run.graphs }
    }
}
