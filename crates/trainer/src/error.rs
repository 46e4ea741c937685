//! Why a run could not go on.

use lockstep_collective::CollectiveError;
use lockstep_data::DataError;
use lockstep_model::ModelError;
use lockstep_optim::OptimError;

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
    /// The ranks could not complete a call together.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl From<lockstep_params::GradientError> for TrainError {
    fn from(error: lockstep_params::GradientError) -> Self {
        Self::Model(error.into())
    }
}
