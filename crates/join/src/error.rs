//! Why a process cannot join its process group: its rank, the connection, its device.

use lockstep_collective::CollectiveError;
use lockstep_gpu::GpuError;
use lockstep_host::{DecisionError, ExitCode, TokenError, gpus};
use lockstep_world::WorldSize;
use thiserror::Error;

/// Why a process does not know its rank.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorldError {
    /// A variable that is not a number, or a rank that is not below the world size.
    #[error(
        "the environment has {variables}, which is not a rank below a world size\n  \
         hint: unset these variables to train with one rank, or start the ranks with mpirun, srun or \
         the launcher"
    )]
    NoSeat {
        /// The variables with their values.
        variables: String,
    },
    /// Several ranks without a rendezvous address.
    #[error(
        "the environment describes {size} ranks, but {variable} is not set, so the ranks cannot find \
         rank 0\n  hint: start the ranks with the launcher, which sets it, or export \
         MASTER_ADDR=<host of rank 0> and MASTER_PORT=<a free port>"
    )]
    NoAddress {
        /// The number of ranks.
        size: usize,
        /// What is missing.
        variable: &'static str,
    },
    /// A variable that is not a port.
    #[error(
        "MASTER_PORT={text} is not a port; export a number from 1 to 65535 that is free on the host of \
         rank 0"
    )]
    NoPort {
        /// What is set.
        text: String,
    },
    /// A token that cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The MPI library sees one rank where several were started.
    #[error(
        "{} ranks were started, but {library} sees only one: the mpirun that started this program \
         belongs to another MPI than the one it was built with\n  \
         hint: use the mpirun of that MPI (see `which -a mpirun`), srun --mpi=pmix, or TCP: export \
         MASTER_ADDR=<host of rank 0> and MASTER_PORT=<a free port>",
        expected.get()
    )]
    WrongMpi {
        /// The ranks the starter speaks of.
        expected: WorldSize,
        /// The library that sees one.
        library: String,
    },
}

/// Something that was asked for and cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// A GPU that cannot be opened, or a build that opens none.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// A precision of GPUs.
    #[error("--precision tf32 needs a GPU, and this run computes on the CPU; pass --precision f32")]
    Tf32,
    /// A precision of some processors.
    #[error(
        "--precision bf16 needs a processor that multiplies it (AVX512-BF16: AMD since Zen 4, Intel \
         since Cooper Lake), and this one does not; pass --precision f32"
    )]
    Bf16,
}

/// Why a process does not train with others, or not where it should.
#[derive(Debug, Error)]
pub enum JoinError {
    /// A place among others that cannot be known.
    #[error(transparent)]
    World(#[from] WorldError),
    /// Peers that cannot be reached.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// Ranks that were started with different settings.
    #[error(
        "the ranks were started with different settings: {}; start all of them with the same \
         configuration and flags",
        differences.join("; ")
    )]
    Disagree {
        /// Which rank differs in what.
        differences: Vec<String>,
    },
    /// Devices that the ranks' machines cannot give.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// A device or a library this build or machine lacks.
    #[error(transparent)]
    Device(#[from] PlaceError),
    /// A driver that does not answer.
    #[error(transparent)]
    Driver(#[from] gpus::DriverError),
}

impl JoinError {
    /// The exit code of this failure.
    #[must_use]
    pub fn code(&self) -> ExitCode {
        match self {
            Self::World(WorldError::WrongMpi { .. })
            | Self::Decision(_)
            | Self::Device(_)
            | Self::Driver(_) => ExitCode::Device,
            Self::World(_) | Self::Disagree { .. } => ExitCode::Usage,
            Self::Collective(error) => of_collective(error),
        }
    }
}

/// The exit code of a call between ranks that failed.
#[must_use]
pub fn of_collective(error: &CollectiveError) -> ExitCode {
    match error {
        CollectiveError::Missing { .. } => ExitCode::Device,
        CollectiveError::Diverged { .. }
        | CollectiveError::NoSuchRoot { .. }
        | CollectiveError::TooLong { .. }
        | CollectiveError::NoLength { .. } => ExitCode::Bug,
        CollectiveError::Lost { .. }
        | CollectiveError::NotMet { .. }
        | CollectiveError::Library { .. } => ExitCode::PeerLost,
    }
}
