//! GPUs in builds that have CUDA: as candle's devices, and as machines that run recorded programs.

#[cfg(not(feature = "cuda"))]
mod disabled;
#[cfg(feature = "cuda")]
mod enabled;
mod machine;

#[cfg(not(feature = "cuda"))]
pub use disabled::{multiply_in_tf32, open};
#[cfg(feature = "cuda")]
pub use enabled::{multiply_in_tf32, open};
pub use machine::{CardMemory, CudaMachine, CudaProgram, Graphs, region};

use thiserror::Error;

/// Whether this build can compute on GPUs at all.
pub const IS_BUILT_IN: bool = cfg!(feature = "cuda");

/// What computing on a GPU opens: the driver's library, and three of the toolkit.
pub const LIBRARIES: [&str; 4] = ["libcuda.so", "libcublas.so", "libcurand.so", "libnvrtc.so"];

/// Why a GPU cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GpuError {
    /// The build has no CUDA.
    #[error("this program was built without CUDA")]
    NotBuiltIn,
    /// A library is not on this machine.
    #[error("{library} was not found: {remedy}")]
    Missing {
        /// Its file.
        library: &'static str,
        /// Where to get it.
        remedy: &'static str,
    },
    /// The driver or a library refuses.
    #[error("GPU {ordinal} cannot be used: {cause}; check whether `nvidia-smi` shows it")]
    Refused {
        /// Its number among those this process sees.
        ordinal: usize,
        /// What the driver or the library said.
        cause: String,
    },
}

/// What a user can do about a GPU that cannot be used, where that is a setting of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuRemedy {
    /// Build the program with CUDA, or compute on the CPU.
    BuildWithCudaOrUseCpu,
    /// Look for the other libraries too, or compute on the CPU.
    FindLibrariesOrUseCpu,
}

impl GpuError {
    /// What a user can do, where the message does not say it.
    #[must_use]
    pub fn remedy(&self) -> Option<GpuRemedy> {
        match self {
            Self::NotBuiltIn => Some(GpuRemedy::BuildWithCudaOrUseCpu),
            Self::Missing { .. } => Some(GpuRemedy::FindLibrariesOrUseCpu),
            Self::Refused { .. } => None,
        }
    }
}
