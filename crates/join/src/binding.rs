//! What bound a rank to a few of its machine's cores: the remedy depends on it.

use std::path::Path;

use rustix::process::{Pid, getpid};
use rustix::thread::{CpuSet, sched_getaffinity};
use serde::{Deserialize, Serialize};

use lockstep_host::{Environment, ProcessStat};

/// What bound a rank to its cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binding {
    /// Open MPI's starter, which may use more of them itself.
    OpenMpi,
    /// A batch system.
    Job,
    /// Nothing, or the user.
    #[default]
    Other,
}

/// Variables of batch systems.
const JOBS: [&str; 3] = ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"];
/// How the names of Open MPI's starters begin.
const STARTERS: [&str; 4] = ["mpirun", "mpiexec", "orte", "prte"];
/// Shells and scripts that may stand between a starter and its rank.
const NEAR: usize = 16;

impl Binding {
    /// That of this process, which may use `cores` cores.
    pub(super) fn here(environment: &Environment, cores: usize) -> Self {
        let of_starter = || starter().and_then(|pid| sched_getaffinity(Some(pid)).ok());
        let is_open_mpi = environment.get("OMPI_COMM_WORLD_RANK").is_some();
        match is_open_mpi.then(of_starter).flatten() {
            Some(mask) if count(&mask) > cores => Self::OpenMpi,
            _ if JOBS.iter().any(|name| environment.get(name).is_some()) => Self::Job,
            _ => Self::Other,
        }
    }

    /// What can be done where each rank has one core and others are idle.
    #[must_use]
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::OpenMpi => Some("start with mpirun --bind-to none"),
            Self::Job => Some(
                "ask for more cores where the job is submitted (Slurm: --cpus-per-task; \
                 PBS: ncpus; LSF: -n)",
            ),
            Self::Other => None,
        }
    }
}

/// The cores of a mask.
pub(super) fn count(mask: &CpuSet) -> usize {
    (0..CpuSet::MAX_CPU).filter(|core| mask.is_set(*core)).count()
}

/// The process of Open MPI's that started this one.
fn starter() -> Option<Pid> {
    let own = name_and_parent(getpid().as_raw_nonzero().get())?;
    let parents = std::iter::successors(Some(own), |(_, parent)| name_and_parent(*parent));
    let pairs: Vec<(String, i32)> = parents.take(NEAR).collect();
    let is_starter = |name: &str| STARTERS.iter().any(|start| name.starts_with(start));
    // Each pair has its parent's number, so the one before a starter has the starter's.
    let found = pairs.windows(2).find(|pair| is_starter(&pair[1].0));
    found.and_then(|pair| Pid::from_raw(pair[0].1))
}

fn name_and_parent(number: i32) -> Option<(String, i32)> {
    let stat = ProcessStat::read(&Path::new("/proc").join(number.to_string()))?;
    Some((stat.name, stat.parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(variables: &[(&str, &str)]) -> Binding {
        let variables = variables.iter().map(|(n, v)| (n.to_string(), v.to_string()));
        Binding::here(&variables.collect(), 1)
    }

    #[test]
    fn only_those_who_have_an_mpirun_are_told_of_it() {
        // These tests may themselves run in a job, but under no mpirun.
        assert_eq!(binding(&[]), Binding::Other);
        assert_eq!(binding(&[("OMPI_COMM_WORLD_RANK", "0")]), Binding::Other);
        for job in JOBS {
            assert_eq!(binding(&[(job, "7"), ("OMPI_COMM_WORLD_RANK", "0")]), Binding::Job);
        }
        assert_eq!(Binding::Other.remedy(), None);
        assert!(Binding::Job.remedy().unwrap().contains("more cores"));
        assert!(Binding::OpenMpi.remedy().unwrap().contains("--bind-to none"));
    }

    #[test]
    fn parents_are_found() {
        let (_, parent) = name_and_parent(getpid().as_raw_nonzero().get()).unwrap();
        assert_eq!(Some(parent), rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get()));
        assert_eq!(name_and_parent(i32::MAX), None);
    }
}
