//! What the launcher finds around it, as values: the plan is a pure function of them.

use std::num::NonZero;
use std::thread;

use lockstep_host::Environment;
use lockstep_host::gpus::{self, Gpu, GpuError};
use lockstep_host::mpirun::{self, Mpirun};

/// What decides how ranks are started.
#[derive(Clone, Debug)]
pub(super) struct Resources {
    /// The GPUs that can be seen from here.
    pub(super) gpus: Result<Vec<Gpu>, GpuError>,
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
    pub(super) cores_per_task: Option<String>,
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
    let nodes = environment.get("SLURM_JOB_NUM_NODES").and_then(|text| text.parse().ok());
    Some(Slurm {
        nodes: nodes.unwrap_or(1),
        cores_per_task: environment.get("SLURM_CPUS_PER_TASK").map(str::to_owned),
        has_srun: mpirun::on_path(environment, "srun").is_some(),
    })
}

fn allows_root(environment: &Environment) -> bool {
    ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"]
        .iter()
        .all(|name| environment.get(name) == Some("1"))
}
