//! Every way the launcher can fail, and the exit code of each.

use std::io;
use std::path::PathBuf;

use lockstep_flags::{Fault, Faults};
use lockstep_host::{ExitCode, TokenError};
use thiserror::Error;

/// Why the ranks were not started, or not supervised.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// A faulty command line.
    #[error(transparent)]
    Configuration(#[from] Faults),
    /// Ranks that cannot be started as asked.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A token that cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A token that cannot be made.
    #[error("no token can be made for the ranks: {0}; set LOCKSTEP_TOKEN to a secret word")]
    Random(io::Error),
    /// The trainer beside the launcher.
    #[error(
        "{} cannot be started: {cause}\n  hint: keep the programs `launcher` and `trainer` in one directory",
        path.display()
    )]
    Start {
        /// The program.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// Signals.
    #[error("signal handlers cannot be installed: {0}")]
    Signals(io::Error),
    /// The standard output, which may be a pipe that was closed.
    #[error("the standard output cannot be written: {0}")]
    Output(io::Error),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Configuration(fault.into())
    }
}

impl Failure {
    /// The exit code of this failure.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::Token(_) => ExitCode::Usage,
            Self::Launch(error) => error.code(),
            Self::Start { .. } | Self::Signals(_) | Self::Random(_) => ExitCode::Failed,
            Self::Output(cause) => ExitCode::of_output(cause),
        }
    }
}

/// Ranks that cannot be started as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum LaunchError {
    /// Several machines without Slurm.
    #[error(
        "--nnodes {nodes} needs a Slurm job with srun, and this is not one\n  \
         hint: start the ranks with mpirun and a hostfile, or with the files in launch/"
    )]
    Machines {
        /// How many were asked for.
        nodes: u64,
    },
    /// `--start mpirun` without one.
    #[error(
        "--start mpirun needs mpirun, which is not on the PATH\n  \
         hint: install Open MPI (Debian: openmpi-bin), or pass --start local"
    )]
    NoMpirun,
    /// `--start srun` without one.
    #[error(
        "--start srun needs a Slurm job with srun, and this is not one\n  \
         hint: start the launcher in a job of sbatch or salloc"
    )]
    NoSlurm,
    /// mpirun, for root.
    #[error(
        "mpirun does not start ranks as root\n  \
         hint: start it as another user, or set OMPI_ALLOW_RUN_AS_ROOT=1 and \
         OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 (in a container), or pass --start local"
    )]
    Root,
}

impl LaunchError {
    /// The exit code.
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Self::Machines { .. } | Self::NoSlurm | Self::Root => ExitCode::Usage,
            Self::NoMpirun => ExitCode::Device,
        }
    }
}
