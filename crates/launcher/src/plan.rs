//! How many ranks, who starts them, and by which command: a pure function of the flags, the trainer's
//! words and what is around.

use std::fmt;

use lockstep_host::Unused;
use lockstep_host::mpirun::Flavour;
use lockstep_host::shell::shown;

use super::cluster::Cluster;
use super::options::{Options, Start};
use super::prefix;
use super::resources::Resources;
use super::seats::Seats;
use super::trainer::Trainer;
use crate::failure::LaunchError;

/// What is started, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Ranks on each machine.
    pub(super) per_node: u64,
    /// Machines.
    pub(super) nodes: u64,
    /// The reason for their number.
    why: String,
    /// Who starts them.
    pub(super) starter: Starter,
    /// What stands in front of the trainer's own line.
    pub(super) prefix: Vec<String>,
    gpus: String,
}

/// Who starts the ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starter {
    /// None: there is one process.
    Alone,
    /// The launcher itself.
    Local,
    /// `mpirun`.
    Mpirun(Flavour),
    /// Slurm.
    Srun,
    /// A launcher on each machine, this one here.
    Launchers,
}

/// Plans a start.
///
/// # Errors
/// [`LaunchError`].
pub(super) fn plan(
    options: &Options,
    around: &Resources,
    trainer: &Trainer,
) -> Result<Plan, LaunchError> {
    let (per_node, nodes, why) = ranks(options, around, trainer);
    let starter = match &options.cluster {
        Some(cluster) => checked(cluster, trainer)?,
        None => starter(options.start, around, per_node, nodes)?,
    };
    let prefix = match (starter, &around.mpirun, &around.slurm) {
        (Starter::Mpirun(_), Some(mpirun), _) => prefix::of_mpirun(mpirun, per_node, around),
        (Starter::Srun, _, Some(slurm)) => prefix::of_srun(slurm, per_node, nodes),
        _ => Vec::new(),
    };
    Ok(Plan { per_node, nodes, why, starter, prefix, gpus: gpus(around) })
}

/// Launchers that meet, where what they train does not depend on how many come.
fn checked(cluster: &Cluster, trainer: &Trainer) -> Result<Starter, LaunchError> {
    let Cluster { min, max, node, .. } = *cluster;
    match () {
        () if node >= max => Err(LaunchError::Node { node, max }),
        () if min < max && !trainer.has_global_batch() => Err(LaunchError::Batch { min, max }),
        () => Ok(Starter::Launchers),
    }
}

/// Ranks on each machine, machines, and why.
fn ranks(options: &Options, around: &Resources, trainer: &Trainer) -> (u64, u64, String) {
    let visible = around.gpus.as_ref().map_or(0, Vec::len);
    let gpus = if around.speaks_cuda { visible as u64 } else { 0 };
    let (per_node, why) = match options.per_node {
        Some(count) => (count, "as --nproc-per-node says".to_owned()),
        None if trainer.is_on_cpu() => (1, "one process uses all cores".to_owned()),
        None if gpus > 0 => (gpus, "one for each GPU".to_owned()),
        None => {
            let unused = Unused::of(visible, around.speaks_cuda);
            (1, format!("{unused}, so one process trains on the CPU"))
        }
    };
    let is_single = options.per_node.is_none() && gpus == 0 && !trainer.is_on_cpu();
    let found = around.slurm.as_ref().map_or(1, |slurm| slurm.nodes);
    let wanted = options.nodes.map(|nodes| nodes.max);
    let nodes = wanted.unwrap_or(if is_single { 1 } else { found });
    (per_node, nodes, why)
}

fn starter(
    wish: Start,
    around: &Resources,
    per_node: u64,
    nodes: u64,
) -> Result<Starter, LaunchError> {
    let srun = around.slurm.as_ref().is_some_and(|slurm| slurm.has_srun);
    let mpirun = around.mpirun.as_ref().map(|mpirun| mpirun.flavour);
    match wish {
        Start::Srun if srun => Ok(Starter::Srun),
        Start::Srun => Err(LaunchError::NoSlurm),
        Start::Auto if nodes > 1 && srun => Ok(Starter::Srun),
        _ if nodes > 1 => Err(LaunchError::Machines { nodes }),
        Start::Mpirun => {
            mpirun.ok_or(LaunchError::NoMpirun).and_then(|flavour| allowed(flavour, around))
        }
        _ if per_node == 1 => Ok(Starter::Alone),
        Start::Local => Ok(Starter::Local),
        Start::Auto => match mpirun.filter(|_| around.speaks_mpi) {
            Some(flavour) => allowed(flavour, around),
            None => Ok(Starter::Local),
        },
    }
}

fn allowed(flavour: Flavour, around: &Resources) -> Result<Starter, LaunchError> {
    if flavour == Flavour::OpenMpi && around.is_refused_as_root {
        return Err(LaunchError::Root);
    }
    Ok(Starter::Mpirun(flavour))
}

fn gpus(around: &Resources) -> String {
    match &around.gpus {
        Ok(gpus) if gpus.is_empty() => "none visible".to_owned(),
        Ok(gpus) => {
            let each = gpus.iter().map(|gpu| {
                format!("{} {} ({} GiB, {})", gpu.index, gpu.name, gpu.memory_bytes >> 30, gpu.uuid)
            });
            each.collect::<Vec<_>>().join("; ")
        }
        Err(error) => format!("none: {error}"),
    }
}

impl Plan {
    /// All ranks.
    pub(super) fn world(&self) -> u64 {
        self.per_node * self.nodes
    }

    /// The whole command line.
    pub(super) fn line(&self, trainer: &Trainer) -> Vec<String> {
        [&self.prefix[..], &trainer.line()].concat()
    }

    /// The plan in words.
    pub(super) fn summary(&self, trainer: &Trainer) -> String {
        let line = shown(&self.line(trainer));
        let commands: Vec<String> = match self.starter {
            Starter::Local => {
                let seats = Seats::of_one_machine(self.world(), "PORT".to_owned());
                let words = |rank| seats.variables(rank).map(|(n, v)| format!("{n}={v}")).join(" ");
                (0..self.world()).map(|rank| format!("{} {line}", words(rank))).collect()
            }
            _ => vec![line],
        };
        let mut text =
            format!("gpus     {}\nranks    {self}\nstart    {}", self.gpus, self.starter);
        for command in commands {
            text = format!("{text}\ncommand  {command}");
        }
        text + "\n"
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nodes {
            1 => write!(f, "{}: {}", self.per_node, self.why),
            nodes => write!(
                f,
                "{}: {} on each of {nodes} machines, {}",
                self.world(),
                self.per_node,
                self.why
            ),
        }
    }
}

impl fmt::Display for Starter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alone => "the trainer by itself",
            Self::Local => "by the launcher, which picks a free PORT",
            Self::Mpirun(Flavour::OpenMpi) => "by Open MPI's mpirun",
            Self::Mpirun(Flavour::Other) => "by mpirun, which is not Open MPI's",
            Self::Srun => "by Slurm's srun",
            Self::Launchers => "by a launcher on each machine, which numbers its ranks",
        })
    }
}
