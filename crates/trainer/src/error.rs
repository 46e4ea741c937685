//! Why a run ended early.

use lockstep_collective::CollectiveError;
use lockstep_data::DataError;
use lockstep_gpu::GpuError;
use lockstep_model::ModelError;
use lockstep_optim::OptimError;
use lockstep_program::{MachineError, Unsupported};

use crate::{CheckpointError, RunRemedy};

/// Everything that ends a run early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss or the gradient is not finite; the weights are those after the update before.
    #[error("training diverged at update {update}: loss {loss}, gradient norm {grad_norm}")]
    NotFinite {
        /// The update's number, from 1.
        update: u64,
        /// Its loss.
        loss: f64,
        /// Its gradient's norm.
        grad_norm: f64,
    },
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
        "the ranks were started for different runs: {}; start all of them with the same \
         configuration, data and model",
        differences.join("; ")
    )]
    Disagree {
        /// Which rank differs in what.
        differences: Vec<String>,
    },
    /// Replicas hold different weights.
    #[error(
        "after update {update} the weights of rank {} differ from those of rank 0; likely causes are a \
         fault of memory, processor or network, or libraries of different versions",
        ranks.iter().map(usize::to_string).collect::<Vec<_>>().join(", rank ")
    )]
    Drifted {
        /// The update, from 1.
        update: u64,
        /// The ranks that differ.
        ranks: Vec<usize>,
    },
    /// The leader failed at what it does for all.
    #[error("rank 0 failed: {cause}")]
    Leader {
        /// The message of its error.
        cause: String,
    },
    /// Deterministic mode has fewer shares than there are ranks.
    #[error("deterministic mode runs on at most {most} ranks, but this run has {ranks}")]
    TooManyRanks {
        /// The ranks of this run.
        ranks: usize,
        /// The shares of an update.
        most: usize,
    },
    /// Deterministic mode on a GPU.
    #[error("deterministic mode runs on CPUs only: on GPUs it was not tested")]
    DeterministicOnGpu,
    /// The user stopped the program before there was a result.
    #[error("stopped before the result was ready")]
    Stopped,
    /// A thread of ours panicked.
    #[error("the thread that sums gradients panicked; this is a bug, please report it")]
    Thread,
    /// Ranks read other examples than planned.
    #[error(
        "update {update} should have read {planned} examples, but all ranks together read \
         {found}; this is a bug, please report it"
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
    /// The engine was made for another model.
    #[error("the engine does not know a parameter of the model; this is a bug, please report it")]
    Engine,
}

impl TrainError {
    /// What a user can do, where the message does not say it. Errors of other crates have remedies
    /// of their own.
    #[must_use]
    pub fn remedy(&self) -> Option<RunRemedy> {
        match self {
            Self::NotFinite { .. } => Some(RunRemedy::LowerRates),
            Self::Drifted { .. } => Some(RunRemedy::ResumeWithoutMachines),
            Self::TooManyRanks { most, .. } => Some(RunRemedy::StartFewerRanks { most: *most }),
            Self::DeterministicOnGpu => Some(RunRemedy::ComputeOnCpu),
            Self::Checkpoint(error) => error.remedy(),
            _ => None,
        }
    }
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
