//! Why a run ended early.

use lockstep_collective::CollectiveError;
use lockstep_data::DataError;
use lockstep_gpu::GpuError;
use lockstep_model::ModelError;
use lockstep_optim::OptimError;
use lockstep_program::{MachineError, Unsupported};
use lockstep_world::{Rank, counted};

use crate::{CheckpointError, RunRemedy};

/// Everything that ends a run early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss or the gradient is not finite; the weights are those after the last update that was
    /// not skipped.
    #[error(
        "training diverged at update {update}: loss {loss}, gradient norm {grad_norm}{}{}",
        of_rank(*odd), after(*skipped)
    )]
    NotFinite {
        /// The update's number, from 1.
        update: u64,
        /// Its loss.
        loss: f64,
        /// Its gradient's norm.
        grad_norm: f64,
        /// The rank whose examples have a loss that is not finite, where it is one of several.
        odd: Option<Rank>,
        /// How many updates directly before it were skipped.
        skipped: u64,
    },
    /// The data or the tokenizer failed.
    #[error(transparent)]
    Data(Box<DataError>),
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
        "after update {update} {}, first in `{parameter}`; likely causes are a fault of memory, \
         processor or network, or libraries of different versions",
        of_groups(groups)
    )]
    Drifted {
        /// The update, from 1.
        update: u64,
        /// The first parameter that differs, in the order of the names.
        parameter: String,
        /// The ranks that hold the same, the largest group first.
        groups: Vec<Vec<usize>>,
    },
    /// Weights or moments are not all numbers, so nothing was saved.
    #[error(
        "after update {update} the tensor `{tensor}` has infinite or NaN values; no checkpoint or \
         model was written with them"
    )]
    NotNumbers {
        /// The update, from 1.
        update: u64,
        /// The weight or moment.
        tensor: String,
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

impl From<DataError> for TrainError {
    fn from(error: DataError) -> Self {
        Self::Data(Box::new(error))
    }
}

fn of_rank(odd: Option<Rank>) -> String {
    odd.map_or_else(String::new, |rank| format!(", from the examples of rank {} alone", rank.0))
}

/// Which ranks differ, where a majority shows it.
fn of_groups(groups: &[Vec<usize>]) -> String {
    let listed = |ranks: &[usize]| {
        let ranks: Vec<String> = ranks.iter().map(usize::to_string).collect();
        format!("rank {}", ranks.join(", "))
    };
    let world: usize = groups.iter().map(Vec::len).sum();
    match groups {
        [most, others @ ..] if 2 * most.len() > world => {
            let mut odd = others.concat();
            odd.sort_unstable();
            let (odd, most) = (listed(&odd), most.len());
            format!("the weights of {odd} differ from those of the other {most} ranks")
        }
        [_, _] if world == 2 => "rank 0 and rank 1 hold different weights".to_owned(),
        _ => {
            let sets: Vec<String> = groups.iter().map(|group| listed(group)).collect();
            let count = sets.len();
            format!("the ranks hold {count} different sets of weights ({})", sets.join("; "))
        }
    }
}

fn after(skipped: u64) -> String {
    match skipped {
        0 => String::new(),
        skipped => {
            format!("; {} directly before it had to be skipped", counted(skipped, "update"))
        }
    }
}

impl TrainError {
    /// What a user can do, where the message does not say it. Errors of other crates have remedies
    /// of their own.
    #[must_use]
    pub fn remedy(&self) -> Option<RunRemedy> {
        match self {
            Self::NotFinite { update: 1, .. } => Some(RunRemedy::CheckModel),
            Self::NotFinite { .. } => Some(RunRemedy::LowerRates),
            Self::NotNumbers { .. } => Some(RunRemedy::ResumeBefore),
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
