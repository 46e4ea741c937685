//! A training run as it is meant: typed, complete, nothing left to look up.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use lockstep_data::{ColumnChoice, Dialect, HeldOut, MaxLength, OnBadRow, Order, Renames, Sample};
use lockstep_flags::{Entry, Key};
use lockstep_host::{PrecisionChoice, Wish};
use lockstep_model::{Dropouts, HeadKind};
use lockstep_optim::{AdamWSettings, Rates, ScheduleShape, Warmup};
use lockstep_trainer::{
    Arithmetic, BestMetric, Cadence, Criterion, Graphs, Logging, OnNonFinite, Recording, RunLength,
    Saving, TrainSettings, Usage,
};
use lockstep_world::{Seed, WorldSize};

use super::class_weights::ClassWeights;
use super::keys;
use super::report_terms::Reporter;
use super::terms::{DataSource, ModelName};

/// Everything a training run is decided by.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// What is trained.
    pub model: ModelPlan,
    /// What it is trained on.
    pub data: DataPlan,
    /// How long, and in which portions.
    pub train: TrainPlan,
    /// The optimiser and its schedule.
    pub optim: OptimPlan,
    /// Where it runs, and what it writes.
    pub run: OutputPlan,
    /// Every key with its value, as `run.toml` has them.
    pub settled: Vec<Settled>,
}

/// A key's value once all layers were put on one another.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The key.
    pub name: &'static str,
    /// The value, as a flag would have it.
    pub text: String,
}

/// What is trained.
#[derive(Clone, Debug)]
pub struct ModelPlan {
    /// What to start from.
    pub name: ModelName,
    /// The classifier on top.
    pub head: HeadKind,
    /// Dropout that differs from the model's own.
    pub dropouts: Dropouts,
    /// What becomes of a head for other classes than the data's.
    pub mismatch: Mismatch,
}

/// What becomes of a head for other classes than the data's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// It is refused.
    Refused,
    /// A fresh one takes its place.
    FreshHead,
}

/// What it is trained on.
#[derive(Clone, Debug)]
pub struct DataPlan {
    /// Examples to learn from.
    pub train: DataSource,
    /// Examples to evaluate on.
    pub validation: Option<DataSource>,
    /// The part of the training examples to evaluate on instead.
    pub held_out: Option<HeldOut>,
    /// Examples for the final model.
    pub test: Option<DataSource>,
    /// Which of the training examples are used, behind the part that is held out; nothing for all.
    pub train_sample: Option<Sample>,
    /// Which of the validation examples are used; nothing for all.
    pub evaluation_sample: Option<Sample>,
    /// How the files are read.
    pub reading: Reading,
    /// The order in which each epoch reads them.
    pub order: Order,
}

/// How data files are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The column of the texts.
    pub text_column: ColumnChoice,
    /// The column of the labels.
    pub label_column: ColumnChoice,
    /// How the files are written, where that is given.
    pub dialect: Dialect,
    /// The names of the labels in the files; else they are names themselves.
    pub label_map: Option<PathBuf>,
    /// The same as a model's training had it; what is given counts before it.
    pub remembered_map: Option<Renames>,
    /// What a row that cannot be used leads to.
    pub on_bad_row: OnBadRow,
    /// Tokens after which a text is cut.
    pub max_length: MaxLength,
}

/// How long, and in which portions.
#[derive(Clone, Debug)]
pub struct TrainPlan {
    /// Where all randomness comes from.
    pub seed: Seed,
    /// How long the run is.
    pub length: RunLength,
    /// How many examples an update takes.
    pub batch: BatchSize,
    /// Passes an update is split into.
    pub accumulation: NonZeroUsize,
    /// Whether the weights have the same bits on any number of ranks.
    pub deterministic: bool,
    /// How much each class counts; nothing where all count 1.
    pub class_weights: Option<ClassWeights>,
    /// The share of each target that is spread over all classes.
    pub label_smoothing: f64,
    /// When the validation file is evaluated.
    pub evaluation: Cadence,
    /// After how many evaluations without a better one the run ends.
    pub early_stopping: Option<NonZeroUsize>,
    /// What evaluations are compared by.
    pub best_metric: BestMetric,
}

/// How many examples an update takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// So many on each device in each pass.
    PerDevice(NonZeroUsize),
    /// So many over all devices and passes.
    Global(NonZeroUsize),
}

impl BatchSize {
    /// Examples in one update.
    pub fn global(self, world: WorldSize, accumulation: NonZeroUsize) -> NonZeroUsize {
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
pub struct OptimPlan {
    /// The highest rates.
    pub rates: Rates,
    /// The optimiser's constants.
    pub adamw: AdamWSettings,
    /// How the rates go on after the warm-up.
    pub schedule: ScheduleShape,
    /// How long they rise.
    pub warmup: Warmup,
    /// The norm gradients are clipped to.
    pub max_grad_norm: f64,
    /// What becomes of an update whose loss or gradient is not finite.
    pub on_nonfinite: OnNonFinite,
}

/// Where it runs, and what it writes.
#[derive(Clone, Debug)]
pub struct OutputPlan {
    /// The devices that are asked for.
    pub wish: Wish,
    /// The precision that is asked for.
    pub precision: PrecisionChoice,
    /// How the host starts the updates of a GPU.
    pub graphs: Graphs,
    /// Where everything is written.
    pub directory: PathBuf,
    /// What happens to an earlier run there.
    pub existing: Existing,
    /// Which checkpoints are kept.
    pub saving: Saving,
    /// Updates between comparisons of all replicas' weights, where they are given.
    pub replica_check: Option<NonZeroU64>,
    /// How long a peer may be silent before it counts as lost.
    pub peer_timeout: Duration,
    /// Updates between lines on the console.
    pub logging_steps: NonZeroU64,
    /// Who is told.
    pub reporters: Vec<Reporter>,
}

/// What happens to an earlier run in the output directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is an error.
    Refuse,
    /// It is replaced.
    Replace,
    /// It is resumed from its newest checkpoint, if it has one.
    GoOn,
    /// The run resumes from this checkpoint.
    GoOnFrom(PathBuf),
}

/// How often replicas are compared where the user does not say it: a comparison reads all weights, on a
/// GPU by way of the host, and takes less than 0.5 % of the time of these updates.
fn replica_check(given: Option<NonZeroU64>, world: WorldSize, on_gpu: bool) -> Cadence {
    const ON_CPU: NonZeroU64 = NonZeroU64::MIN.saturating_add(499);
    const ON_GPU: NonZeroU64 = NonZeroU64::MIN.saturating_add(9_999);
    match world {
        WorldSize::ONE => Cadence::Never,
        _ => Cadence::EverySteps(given.unwrap_or(if on_gpu { ON_GPU } else { ON_CPU })),
    }
}

impl RunPlan {
    /// The value of a key, where it has one: for keys that are used as they are written.
    #[must_use]
    pub fn find<T>(&self, key: &Key<T>) -> Option<T> {
        let settled = self.settled.iter().find(|settled| settled.name == key.name())?;
        key.read(&settled.text)
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, key: &Key<bool>) -> bool {
        self.find(key).unwrap_or_default()
    }

    /// The plan as the trainer understands it, in a world of this size; `recording` is that of GPUs.
    /// The classes count 1 each in it, since only the data say which classes there are.
    pub fn settings(&self, world: WorldSize, recording: Option<Recording>) -> TrainSettings {
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
            criterion: Criterion::new(Vec::new(), train.label_smoothing),
            on_nonfinite: optim.on_nonfinite,
            evaluation: train.evaluation,
            saving: run.saving,
            replica_check: replica_check(run.replica_check, world, recording.is_some()),
            best_metric: train.best_metric,
            early_stopping: train.early_stopping,
            logging: Logging {
                every: run.logging_steps,
                first: self.is_on(&keys::LOGGING_FIRST_STEP),
            },
            trace: self.find(&keys::TRACE).is_some(),
            usage: Usage { max_seq_length: data.reading.max_length.get(), ..Usage::default() },
            output_dir: run.directory.clone(),
            deterministic: train.deterministic,
            recording,
        }
    }

    /// How the updates of a GPU are recorded.
    pub fn recording(&self) -> Recording {
        let arithmetic = match self.run.precision {
            PrecisionChoice::F32 => Arithmetic::F32,
            PrecisionChoice::Tf32 => Arithmetic::Tf32,
            PrecisionChoice::Bf16 => Arithmetic::Bf16,
        };
        Recording { arithmetic, graphs: self.run.graphs }
    }
}
