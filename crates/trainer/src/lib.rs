//! The run itself: the loop, the gradients' way to the other ranks, evaluation, checkpoints, events.
//!
//! Read `trainer.rs`, the loop, then `engine/composed.rs`, one update, then `sync.rs`, how the ranks
//! sum: a run is a pure plan (who reads what, at which rate, when) driven by one short loop that
//! talks to the other ranks through a few verbs. It knows no
//! flags, no environment and no terminal; a program that shows something observes
//! [`TrainEvent`]s.

mod best_metric;
mod calibration;
mod checkpoint;
mod decision;
mod determinism;
mod drift;
mod ending;
mod engine;
mod error;
mod evaluation;
mod event;
mod forward;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guards;
mod history;
mod identity;
mod journal;
mod losses;
mod metrics;
mod milestones;
mod model_shape;
mod parts;
mod pass;
mod ranking;
mod recorded_plan;
mod reliability;
mod replicas;
mod results;
mod resumption;
mod saving;
mod scores;
mod session;
mod settings;
mod spikes;
mod splits;
mod spread;
mod start;
mod stop;
mod sync;
mod tally;
mod token_batches;
mod trace;
mod trainer;
mod update;
mod usage;
mod work;

pub use best_metric::BestMetric;
pub use calibration::{Calibration, NoTemperature};
pub use checkpoint::{
    CheckpointError, RunRemedy, bytes_of_files, check_model, free_bytes, has_checkpoints,
    is_checkpoint_name, latest_checkpoint,
};
pub use decision::Decision;
pub use engine::{CopyingLink, Link, ParameterPlaces, Scorer};
pub use error::TrainError;
pub use evaluation::{KeptLogits, evaluate};
pub use event::{
    CheckpointReport, EVENT_VERSION, Ending, EpochReport, EvaluationReport, FinishReport,
    LossSpikeReport, Observer, StartReport, SyncReport, TrainEvent, UpdateReport,
};
pub use history::Logging;
pub use identity::Difference;
pub use lockstep_gpu::Graphs;
pub use lockstep_model::Criterion;
pub use lockstep_program::Arithmetic;
pub use metrics::{ConfusionMatrix, wilson_interval};
pub use model_shape::model_shape;
pub use parts::Parts;
pub use ranking::BestThreshold;
pub use recorded_plan::{BucketShare, RecordedPlan, recorded_plan};
pub use reliability::{ConfidentMistake, ReliabilityBin, calibration_error};
pub use resumption::Forgotten;
pub use settings::{Cadence, FinalModel, OnNonFinite, Recording, RunLength, Saving, TrainSettings};
pub use spread::Spread;
pub use stop::StopRequest;
pub use trace::Tracer;
pub use trainer::Trainer;
pub use usage::Usage;
