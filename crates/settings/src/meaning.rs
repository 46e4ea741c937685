//! From texts to types: what each key means.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use lockstep_data::{Dialect, Header, HeldOut, Order, Sample};
use lockstep_flags::{Fault, Key, Table, Written};
use lockstep_host::{Sharing, Wish};
use lockstep_model::Dropouts;
use lockstep_optim::{AdamWSettings, DecayRule, Rates, Warmup};
use lockstep_trainer::{Cadence, FinalModel, OnNonFinite, RunLength, Saving};
use lockstep_world::Seed;

use super::keys;
use super::plan::{
    BatchSize, DataPlan, Existing, Mismatch, ModelPlan, OptimPlan, OutputPlan, Reading, RunPlan,
    Settled, TrainPlan,
};
use super::terms::{NonFinite, Resume, Strategy};

impl RunPlan {
    /// The plan of a configuration whose contradictions are settled.
    ///
    /// # Errors
    /// A key that must be given and was not.
    pub(crate) fn of(config: &Written) -> Result<Self, Fault> {
        Ok(Self {
            model: ModelPlan::of(config)?,
            data: DataPlan::of(config)?,
            train: TrainPlan::of(config)?,
            optim: OptimPlan::of(config)?,
            run: OutputPlan::of(config)?,
            settled: config
                .values()
                .filter(|(entry, _)| entry.table() != Table::COMMAND)
                .map(|(entry, text)| Settled { name: entry.name(), text: text.to_owned() })
                .collect(),
        })
    }
}

impl ModelPlan {
    fn of(config: &Written) -> Result<Self, Fault> {
        Ok(Self {
            name: config.get(&keys::MODEL)?,
            head: config.get(&keys::HEAD_TYPE)?,
            dropouts: Dropouts {
                hidden: config.find(&keys::DROPOUT),
                attention: config.find(&keys::ATTENTION_DROPOUT),
                head: config.find(&keys::HEAD_DROPOUT),
            },
            mismatch: match config.get(&keys::IGNORE_MISMATCH)? {
                true => Mismatch::FreshHead,
                false => Mismatch::Refused,
            },
        })
    }
}

impl DataPlan {
    fn of(config: &Written) -> Result<Self, Fault> {
        let seed = Seed(config.get(&keys::SEED)?);
        Ok(Self {
            train: config.get(&keys::TRAIN_FILE)?,
            validation: config.find(&keys::VALIDATION_FILE),
            held_out: held_out(config, seed),
            test: config.find(&keys::TEST_FILE),
            train_sample: sample(config, &keys::MAX_TRAIN_SAMPLES)?,
            evaluation_sample: sample(config, &keys::MAX_EVAL_SAMPLES)?,
            reading: Reading::of(config)?,
            order: order(config)?,
        })
    }
}

/// The order in which a command reads examples.
fn order(config: &Written) -> Result<Order, Fault> {
    let seed = Seed(config.get(&keys::SEED)?);
    Ok(if config.get(&keys::NO_SHUFFLE)? { Order::AsInFile } else { Order::Shuffled(seed) })
}

/// Which examples of a set a command uses where `most` limits them.
///
/// # Errors
/// A key that must be given and was not.
pub fn sample(config: &Written, most: &Key<NonZeroUsize>) -> Result<Option<Sample>, Fault> {
    let order = order(config)?;
    Ok(config.find(most).map(|most| Sample { most, order }))
}

/// The part of the training examples that is held out; nothing for a share of 0.
fn held_out(config: &Written, seed: Seed) -> Option<HeldOut> {
    let share = config.find(&keys::VALIDATION_SPLIT).filter(|share| *share > 0.0);
    share.map(|share| HeldOut { share, seed })
}

/// Whether there is something to evaluate on while training.
pub(crate) fn has_validation(config: &Written) -> bool {
    config.find(&keys::VALIDATION_FILE).is_some() || held_out(config, Seed(0)).is_some()
}

impl Reading {
    /// How a command reads data files.
    ///
    /// # Errors
    /// A key that must be given and was not.
    pub fn of(config: &Written) -> Result<Self, Fault> {
        Ok(Self {
            text_column: config.find(&keys::TEXT_COLUMN).into(),
            label_column: config.find(&keys::LABEL_COLUMN).into(),
            dialect: dialect(config)?,
            label_map: config.find(&keys::LABEL_MAP),
            remembered_map: None,
            on_bad_row: config.get(&keys::BAD_ROWS)?,
            max_length: config.get(&keys::MAX_SEQ_LENGTH)?,
        })
    }
}

/// How a command's data files are written, where that is given.
///
/// # Errors
/// A key that must be given and was not.
pub fn dialect(config: &Written) -> Result<Dialect, Fault> {
    Ok(Dialect {
        header: if config.get(&keys::NO_HEADER)? { Header::Absent } else { Header::Names },
        delimiter: config.find(&keys::DELIMITER_KEY),
        encoding: config.find(&keys::ENCODING_KEY),
    })
}

impl TrainPlan {
    fn of(config: &Written) -> Result<Self, Fault> {
        let epochs = RunLength::Epochs(config.get(&keys::NUM_TRAIN_EPOCHS)?);
        let evaluation = config.get(&keys::EVAL_STRATEGY)?;
        Ok(Self {
            seed: Seed(config.get(&keys::SEED)?),
            length: config.find(&keys::MAX_STEPS).map_or(epochs, RunLength::Updates),
            batch: match config.find(&keys::GLOBAL_BATCH) {
                Some(examples) => BatchSize::Global(examples),
                None => BatchSize::PerDevice(config.get(&keys::PER_DEVICE_BATCH)?),
            },
            accumulation: config.get(&keys::ACCUMULATION)?,
            deterministic: config.get(&keys::DETERMINISTIC)?,
            class_weights: config.find(&keys::CLASS_WEIGHTS),
            label_smoothing: config.get(&keys::LABEL_SMOOTHING)?,
            evaluation: cadence(config, evaluation, &keys::EVAL_STEPS)?,
            early_stopping: config.find(&keys::EARLY_STOPPING),
            best_metric: config.get(&keys::BEST_METRIC)?,
        })
    }
}

impl OptimPlan {
    fn of(config: &Written) -> Result<Self, Fault> {
        let ratio = Warmup::Ratio(config.get(&keys::WARMUP_RATIO)?);
        Ok(Self {
            rates: Rates {
                encoder: config.get(&keys::LEARNING_RATE)?,
                head: config.get(&keys::HEAD_LEARNING_RATE)?,
            },
            adamw: adamw(config)?,
            schedule: config.get(&keys::SCHEDULER)?,
            warmup: config.find(&keys::WARMUP_STEPS).map_or(ratio, Warmup::Updates),
            max_grad_norm: config.get(&keys::MAX_GRAD_NORM)?,
            on_nonfinite: on_nonfinite(config)?,
        })
    }
}

/// Updates in a row that may be skipped where the user does not say how many.
const SKIPPED: NonZeroU64 = NonZeroU64::MIN.saturating_add(9);

fn on_nonfinite(config: &Written) -> Result<OnNonFinite, Fault> {
    Ok(match config.get(&keys::ON_NONFINITE)? {
        NonFinite::Fail => OnNonFinite::Fail,
        NonFinite::Skip => OnNonFinite::Skip(config.find(&keys::MAX_SKIPPED).unwrap_or(SKIPPED)),
    })
}

fn adamw(config: &Written) -> Result<AdamWSettings, Fault> {
    let spares = config.get(&keys::NO_DECAY_BIAS_NORM)?;
    Ok(AdamWSettings {
        beta1: config.get(&keys::ADAM_BETA1)?,
        beta2: config.get(&keys::ADAM_BETA2)?,
        epsilon: config.get(&keys::ADAM_EPSILON)?,
        weight_decay: config.get(&keys::WEIGHT_DECAY)?,
        decay: if spares { DecayRule::NotBiasOrNorm } else { DecayRule::Every },
    })
}

impl OutputPlan {
    fn of(config: &Written) -> Result<Self, Fault> {
        let saves = config.get(&keys::SAVE_STRATEGY)?;
        let keeps_best = config.get(&keys::LOAD_BEST)?;
        Ok(Self {
            wish: Wish {
                device: config.get(&keys::DEVICE)?,
                sharing: match config.get(&keys::ALLOW_GPU_SHARING)? {
                    true => Sharing::Allowed,
                    false => Sharing::Refused,
                },
            },
            precision: config.get(&keys::PRECISION_KEY)?,
            graphs: config.get(&keys::CUDA_GRAPHS)?,
            directory: config.get(&keys::OUTPUT_DIR)?,
            existing: Existing::of(config)?,
            replica_check: config.find(&keys::REPLICA_CHECK),
            peer_timeout: Duration::from_secs(config.get(&keys::PEER_TIMEOUT)?.get()),
            saving: Saving {
                cadence: cadence(config, saves, &keys::SAVE_STEPS)?,
                keep: config.find(&keys::SAVE_TOTAL_LIMIT),
                final_model: if keeps_best { FinalModel::Best } else { FinalModel::Last },
            },
            logging_steps: config.get(&keys::LOGGING_STEPS)?,
            reporters: config.get(&keys::REPORT_TO)?,
        })
    }
}

impl Existing {
    /// What is said of an earlier run.
    ///
    /// # Errors
    /// A key that must be given and was not.
    pub fn of(config: &Written) -> Result<Self, Fault> {
        Ok(match config.get(&keys::RESUME_KEY)? {
            Resume::Auto => Self::GoOn,
            Resume::From(checkpoint) => Self::GoOnFrom(checkpoint),
            Resume::Never if config.get(&keys::OVERWRITE)? => Self::Replace,
            Resume::Never => Self::Refuse,
        })
    }
}

fn cadence(
    config: &Written,
    strategy: Strategy,
    count: &Key<NonZeroU64>,
) -> Result<Cadence, Fault> {
    Ok(match strategy {
        Strategy::No => Cadence::Never,
        Strategy::Epoch => Cadence::EveryEpoch,
        Strategy::Steps => Cadence::EverySteps(config.get(count)?),
    })
}
