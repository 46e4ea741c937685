//! Why a process does not know its place among others.

use lockstep_world::WorldSize;
use thiserror::Error;

/// Why a process does not know its place among others.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum WorldError {
    /// A variable that is no number, or a rank outside of its world.
    #[error(
        "the environment has {variables}, which is no rank in a world: \
         unset these variables to train alone, or start all ranks with mpirun, srun or launcher"
    )]
    NoSeat {
        /// The variables with their values.
        variables: String,
    },
    /// A world without a place to meet.
    #[error(
        "the environment describes {size} ranks, but {variable} is not set: it says where rank 0 \
         listens for the others; start the ranks with launcher, which sets it, or export \
         MASTER_ADDR=<host of rank 0> and MASTER_PORT=<a free port>"
    )]
    NoAddress {
        /// The number of ranks.
        size: usize,
        /// What is missing.
        variable: &'static str,
    },
    /// A port that is none.
    #[error(
        "MASTER_PORT={text} is no port: export a number from 1 to 65535, free on rank 0's host"
    )]
    NoPort {
        /// What is set.
        text: String,
    },
    /// Every process believes to be alone.
    #[error(
        "{} ranks were started, but {library} sees one only: the mpirun that started this program \
         belongs to another MPI than the one it was built with; use that one's mpirun (see \
         `which -a mpirun`), srun --mpi=pmix, or export MASTER_ADDR=<host of rank 0> and \
         MASTER_PORT=<a free port>, so that the ranks meet over TCP",
        expected.get()
    )]
    WrongMpi {
        /// The ranks the starter speaks of.
        expected: WorldSize,
        /// The library that sees one.
        library: String,
    },
}
