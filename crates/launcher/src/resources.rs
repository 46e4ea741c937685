//! What the launcher finds around it, as values: the plan is a pure function of them.

use std::num::NonZero;
use std::thread;

use lockstep_host::Environment;
use lockstep_host::gpus::{self, DriverError, Gpu};
use lockstep_host::mpirun::{self, Mpirun};

/// What decides how ranks are started.
#[derive(Clone, Debug)]
pub(super) struct Resources {
    /// The GPUs that can be seen from here.
    pub(super) gpus: Result<Vec<Gpu>, DriverError>,
    /// `mpirun`, if it is installed.
    pub(super) mpirun: Option<Mpirun>,
    /// Whether the trainer was built with MPI; one that was not would train alone in each process.
    pub(super) speaks_mpi: bool,
    /// Whether the trainer was built with CUDA; one that was not computes on the CPU.
    pub(super) speaks_cuda: bool,
    /// Slurm, if we are in one of its jobs.
    pub(super) slurm: Option<Slurm>,
    /// The cores we may use.
    pub(super) cores: u64,
    /// Whether `mpirun` would refuse to start for us, as it does for root.
    pub(super) is_refused_as_root: bool,
}

/// A job of Slurm's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slurm {
    /// Its machines.
    pub(super) nodes: u64,
    /// The cores it asked for each task, which `srun` no longer takes from the job by itself.
    pub(super) cores_per_task: Option<u64>,
    /// The cores it has on each machine, the fewest where they differ.
    pub(super) cores_per_node: Option<u64>,
    /// The GPUs it asked for each task, with their kind in front of them.
    pub(super) gpus_per_task: Option<(String, u64)>,
    /// The tasks it asked for on each machine, the fewest where they differ.
    pub(super) tasks_per_node: Option<u64>,
    /// Whether `srun` is here.
    pub(super) has_srun: bool,
}

impl Resources {
    /// Looks around.
    pub(super) fn of(environment: &Environment) -> Self {
        Self {
            gpus: gpus::visible(environment),
            mpirun: mpirun::find(environment),
            speaks_mpi: cfg!(feature = "mpi"),
            speaks_cuda: cfg!(feature = "cuda"),
            slurm: slurm(environment),
            cores: thread::available_parallelism().map_or(1, NonZero::get) as u64,
            is_refused_as_root: rustix::process::geteuid().is_root() && !allows_root(environment),
        }
    }
}

fn slurm(environment: &Environment) -> Option<Slurm> {
    environment.get("SLURM_JOB_ID")?;
    let number = |name: &str| environment.get(name).and_then(|text| text.parse().ok());
    let fewest = |name: &str| environment.get(name).and_then(fewest);
    Some(Slurm {
        nodes: number("SLURM_JOB_NUM_NODES").unwrap_or(1),
        cores_per_task: number("SLURM_CPUS_PER_TASK"),
        cores_per_node: fewest("SLURM_JOB_CPUS_PER_NODE"),
        gpus_per_task: environment.get("SLURM_GPUS_PER_TASK").and_then(of_a_kind),
        tasks_per_node: fewest("SLURM_TASKS_PER_NODE"),
        has_srun: mpirun::on_path(environment, "srun").is_some(),
    })
}

/// The least number of a list such as `72(x2),36`, which counts for each machine.
fn fewest(list: &str) -> Option<u64> {
    let number = |part: &str| part.split('(').next()?.trim().parse().ok();
    let numbers: Option<Vec<u64>> = list.split(',').map(number).collect();
    numbers?.into_iter().min()
}

/// `2`, or `a100:2`: what stands in front of the number, and the number.
fn of_a_kind(text: &str) -> Option<(String, u64)> {
    let at = text.rfind(':').map_or(0, |colon| colon + 1);
    Some((text[..at].to_owned(), text[at..].parse().ok()?))
}

fn allows_root(environment: &Environment) -> bool {
    ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"]
        .iter()
        .all(|name| environment.get(name) == Some("1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_from_its_variables() {
        let check = |variables: &[(&str, &str)], expected: Option<Slurm>| {
            let variables = variables.iter().map(|(n, v)| (n.to_string(), v.to_string()));
            assert_eq!(slurm(&variables.collect()), expected);
        };
        let job = Slurm {
            nodes: 1,
            cores_per_task: None,
            cores_per_node: None,
            gpus_per_task: None,
            tasks_per_node: None,
            has_srun: false,
        };
        check(&[("SLURM_CPUS_PER_TASK", "4")], None);
        check(&[("SLURM_JOB_ID", "7")], Some(job.clone()));
        let variables = [
            ("SLURM_JOB_ID", "7"),
            ("SLURM_JOB_NUM_NODES", "3"),
            ("SLURM_CPUS_PER_TASK", "4"),
            ("SLURM_JOB_CPUS_PER_NODE", "72(x2),36"),
            ("SLURM_TASKS_PER_NODE", "2(x3)"),
            ("SLURM_GPUS_PER_TASK", "a100:2"),
        ];
        let full = Slurm {
            nodes: 3,
            cores_per_task: Some(4),
            cores_per_node: Some(36),
            gpus_per_task: Some(("a100:".to_owned(), 2)),
            tasks_per_node: Some(2),
            has_srun: false,
        };
        check(&variables, Some(full));
        for odd in ["", "x", "4,", "-1", ":", "a:"] {
            assert_eq!((fewest(odd), of_a_kind(odd)), (None, None), "{odd}");
        }
        assert_eq!(of_a_kind("2"), Some((String::new(), 2)));
    }
}
