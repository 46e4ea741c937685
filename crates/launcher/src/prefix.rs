//! What stands in front of the trainer's own line: a starter and its words.

use lockstep_host::mpirun::{Flavour, Mpirun};

use super::resources::{Resources, Slurm};

/// Open MPI's options: ranks are free to use all cores, since the trainer counts its own, and as many
/// as they were asked to be: it counts one slot where a batch system gave one task with many cores,
/// and one for two threads of a core. A machine that falls silent is noticed after about 8 s, where
/// the defaults wait for 481 s.
const OPEN_MPI: [&str; 13] = [
    "--tag-output",
    "--oversubscribe",
    "--bind-to",
    "none",
    "--mca",
    "oob_tcp_keepalive_time",
    "4",
    "--mca",
    "oob_tcp_keepalive_intvl",
    "1",
    "--mca",
    "oob_tcp_keepalive_probes",
    "3",
];

/// Without yielding, ranks that share a core wait for each other a hundred times as long.
const CROWDED: [&str; 3] = ["--mca", "mpi_yield_when_idle", "1"];

/// Slots are what a Slurm job has, not what it called its tasks: ranks beyond them would be taken for
/// a crowd, and yield.
const IN_SLURM: [&str; 3] = ["--mca", "ras_slurm_use_entire_allocation", "1"];

/// `mpirun` and its arguments for `ranks` ranks.
pub(super) fn of_mpirun(mpirun: &Mpirun, ranks: u64, around: &Resources) -> Vec<String> {
    let mut words = vec![mpirun.path.display().to_string(), "-n".to_owned(), ranks.to_string()];
    if mpirun.flavour == Flavour::OpenMpi {
        words.extend(OPEN_MPI.map(str::to_owned));
        if around.slurm.is_some() {
            words.extend(IN_SLURM.map(str::to_owned));
        }
        if ranks > around.cores {
            words.extend(CROWDED.map(str::to_owned));
        }
    }
    words
}

/// `srun` and its words.
pub(super) fn of_srun(slurm: &Slurm, per_node: u64, nodes: u64) -> Vec<String> {
    let mut words = vec!["srun".to_owned()];
    words.push(format!("--nodes={nodes}"));
    words.push(format!("--ntasks={}", nodes * per_node));
    words.push(format!("--ntasks-per-node={per_node}"));
    let cores = cores_per_rank(slurm, per_node);
    words.extend(cores.map(|cores| format!("--cpus-per-task={cores}")));
    words.extend(gpus_per_rank(slurm, per_node));
    words.extend(["--mpi=pmix", "--kill-on-bad-exit=1", "--label"].map(str::to_owned));
    words
}

/// What the job asked for each task, as long as a machine has it for all of its ranks.
fn cores_per_rank(slurm: &Slurm, per_node: u64) -> Option<u64> {
    let share = slurm.cores_per_node.map(|cores| (cores / per_node).max(1));
    match (slurm.cores_per_task, share) {
        (Some(wish), Some(share)) => Some(wish.min(share)),
        (wish, share) => wish.or(share),
    }
}

/// The same of GPUs, where the job asked for them by the task and there are more ranks than tasks.
fn gpus_per_rank(slurm: &Slurm, per_node: u64) -> Option<String> {
    let (kind, wish) = slurm.gpus_per_task.as_ref()?;
    let of_node = wish.checked_mul(slurm.tasks_per_node?)?;
    let share = (of_node / per_node).max(1);
    (share < *wish).then(|| format!("--gpus-per-task={kind}{share}"))
}
