//! Why gradients could not be had or summed.

use lockstep_collective::CollectiveError;

use crate::ParamName;

/// Why gradients could not be had.
#[derive(Debug, thiserror::Error)]
pub enum GradientError {
    /// The graph does not lead from the loss to these parameters.
    #[error(
        "no gradient reached {}: the graph between the loss and these parameters is cut, \
         so they would never learn; this is a bug of the model",
        list(names)
    )]
    Missing {
        /// The parameters.
        names: Vec<ParamName>,
    },
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// Why gradients could not be summed.
#[derive(Debug, thiserror::Error)]
pub enum ReductionError {
    /// The ranks could not complete a call together.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

fn list(names: &[ParamName]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
