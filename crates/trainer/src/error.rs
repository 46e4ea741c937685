//! Why a run could not go on.

use lockstep_collective::CollectiveError;
use lockstep_data::DataError;
use lockstep_gpu::GpuError;
use lockstep_model::ModelError;
use lockstep_optim::OptimError;
use lockstep_program::{MachineError, Unsupported};

use crate::CheckpointError;

/// Everything that ends a run early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss or the gradient is no number any more; the weights are still those of the update
    /// before.
    #[error(
        "update {update} is not finite: loss {loss}, gradient norm {grad_norm}; \
         lower --learning-rate or --head-learning-rate, or lengthen the warm-up, \
         and start anew with --overwrite-output-dir"
    )]
    NotFinite {
        /// The update's number, from 1.
        update: u64,
        /// Its loss.
        loss: f64,
        /// Its gradient's norm.
        grad_norm: f64,
    },
    /// Somebody who follows the run could not pass an event on.
    #[error("cannot report the run's progress: {0}")]
    Observer(std::io::Error),
    /// The data or the tokenizer failed.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The optimiser failed.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// A checkpoint could not be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The ranks were started for different runs.
    #[error(
        "the ranks do not train the same: {}; start all of them with the same configuration, \
         data and model",
        differences.join("; ")
    )]
    Disagree {
        /// Which rank differs in what.
        differences: Vec<String>,
    },
    /// Replicas hold different weights.
    #[error(
        "after update {update} the weights of rank {} differ from those of rank 0: a memory, \
         processor or network fault, or libraries of different versions; go on from the last \
         checkpoint with --resume auto, without that machine",
        ranks.iter().map(usize::to_string).collect::<Vec<_>>().join(", rank ")
    )]
    Drifted {
        /// The update, from 1.
        update: u64,
        /// Who differs.
        ranks: Vec<usize>,
    },
    /// The leader failed at what it does for all.
    #[error("rank 0 could not go on: {cause}")]
    Leader {
        /// Its words.
        cause: String,
    },
    /// Somebody asked for an end before there was an answer.
    #[error("an end was asked for before the answer was there")]
    Stopped,
    /// A thread of ours panicked.
    #[error("the thread that sums gradients panicked; this is a bug of ours, please report it")]
    Thread,
    /// Ranks read other examples than planned.
    #[error(
        "update {update} should have read {planned} examples, but the ranks read {found} \
         together; this is a bug of ours, please report it"
    )]
    Examples {
        /// The update, from 1.
        update: u64,
        /// How many the plan has.
        planned: usize,
        /// How many were read.
        found: usize,
    },
    /// The ranks could not complete a call together.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// The device failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The GPU cannot be used.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The kernels do not take the model.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The engine and the model do not fit each other.
    #[error("the engine does not know a parameter of the model; this is a bug, please report it")]
    Engine,
}

impl From<lockstep_params::ReductionError> for TrainError {
    fn from(error: lockstep_params::ReductionError) -> Self {
        match error {
            lockstep_params::ReductionError::Collective(error) => Self::Collective(error),
            lockstep_params::ReductionError::Tensor(error) => Self::Tensor(error),
        }
    }
}

impl From<lockstep_params::GradientError> for TrainError {
    fn from(error: lockstep_params::GradientError) -> Self {
        Self::Model(error.into())
    }
}
