//! The settings of a run that a benchmark measures: the recipe's, and nothing besides the updates.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use lockstep_data::Order;
use lockstep_optim::{AdamWSettings, DecayRule, Rates, ScheduleShape, Warmup};
use lockstep_trainer::{
    BestMetric, Cadence, Criterion, FinalModel, Logging, OnNonFinite, RunLength, Saving,
    TrainSettings, Usage,
};
use lockstep_world::Seed;

/// Sixteen texts of at most 128 tokens an update, in the order of the file.
pub(crate) fn recipe(output_dir: PathBuf, length: RunLength) -> TrainSettings {
    const BATCH: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);
    TrainSettings {
        seed: Seed(1),
        order: Order::AsInFile,
        length,
        global_batch: BATCH,
        accumulation: NonZeroUsize::MIN,
        peak_rates: Rates { encoder: 2e-5, head: 1e-4 },
        schedule: ScheduleShape::Linear,
        warmup: Warmup::Ratio(0.1),
        adamw: AdamWSettings {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            decay: DecayRule::Every,
        },
        max_grad_norm: 1.0,
        criterion: Criterion::default(),
        on_nonfinite: OnNonFinite::Fail,
        evaluation: Cadence::Never,
        replica_check: Cadence::Never,
        saving: Saving { cadence: Cadence::Never, keep: None, final_model: FinalModel::Last },
        best_metric: BestMetric::Accuracy,
        logging: Logging { every: NonZeroU64::MIN, first: false },
        trace: false,
        early_stopping: None,
        output_dir,
        deterministic: false,
        recording: None,
        usage: Usage { max_seq_length: 128, ..Usage::default() },
    }
}
