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
    #[error(
        "no token can be made for the ranks: {0}; set LOCKSTEP_TOKEN to a secret of 16 characters or more"
    )]
    Random(io::Error),
    /// The launchers of other machines.
    #[error(transparent)]
    Nodes(#[from] NodesError),
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
            Self::Nodes(_) => ExitCode::PeerLost,
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
         hint: start a launcher on each machine with --node-rank and --master-addr, or start the \
         ranks with mpirun and a hostfile, or with the files in launch/"
    )]
    Machines {
        /// How many were asked for.
        nodes: u64,
    },
    /// A node that is not among the others.
    #[error("--node-rank {node} is not below the {max} machines of --nnodes; nodes count from 0")]
    Node {
        /// What was given.
        node: u64,
        /// The most machines.
        max: u64,
    },
    /// A global batch that depends on how many machines there are.
    #[error(
        "--nnodes {min}:{max} needs a global batch that does not depend on the number of machines\n  \
         hint: pass --global-batch-size N to the trainer"
    )]
    Batch {
        /// The fewest machines.
        min: u64,
        /// The most.
        max: u64,
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
            Self::Machines { .. }
            | Self::Node { .. }
            | Self::Batch { .. }
            | Self::NoSlurm
            | Self::Root => ExitCode::Usage,
            Self::NoMpirun => ExitCode::Device,
        }
    }
}

/// Launchers of several machines that do not find each other, or lost the first.
#[derive(Debug, Error)]
pub(crate) enum NodesError {
    /// The port of node 0 cannot be opened.
    #[error(
        "the launcher of node 0 cannot listen on port {port}: {cause}\n  \
         hint: pass another --master-port on all machines"
    )]
    NoPort {
        /// The port.
        port: u16,
        /// The system's words.
        cause: io::Error,
    },
    /// The launcher of node 0 cannot be reached, or does not take this one.
    #[error(
        "node {node} could not join the launcher of node 0 at {address}: {cause}\n  \
         hint: start one launcher on each machine, all with the same --nnodes, --master-addr, \
         --master-port and LOCKSTEP_TOKEN, each with its own --node-rank"
    )]
    NotMet {
        /// Which node this is.
        node: u64,
        /// Where it looked.
        address: String,
        /// What it saw.
        cause: String,
    },
    /// The launcher of node 0 is gone, and with it the list of all machines.
    #[error(
        "the launcher of node 0 at {address} was lost: {cause}; a run cannot continue without node 0\n  \
         hint: start all launchers again, the trainer with --resume auto"
    )]
    Lost {
        /// Where it was.
        address: String,
        /// What was seen.
        cause: String,
    },
}
