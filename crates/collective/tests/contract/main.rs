//! What every backend promises, asked of each of them: one list of checks, many worlds.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod mpi;
#[cfg(all(feature = "nccl", feature = "mpi"))]
#[cfg(test)]
mod nccl;
#[cfg(test)]
mod tcp;
#[cfg(test)]
mod threads;
