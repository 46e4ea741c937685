//! The launcher's own arguments, which precede `--`.

use std::time::Duration;

use lockstep_flags::{
    Choice, Command, CommandLine, Entries, Fault, Faults, Form, Hint, Key, Kind, Problem, SWITCH,
    TEXT, Table, Words, Written,
};

use lockstep_wire::MeetingPlace;

use crate::cluster::Cluster;

/// The ranks of a machine, or the machines, at most.
pub(super) const MOST: u64 = 100_000;

/// How many of something; nothing stands for `auto`.
const COUNT: Kind<Option<u64>> = Kind::Read {
    form: Form::Number,
    placeholder: "auto|N",
    valid: "auto, or a whole number from 1 to 100000",
    read: |text| match text {
        "auto" => Some(None),
        text => text.parse().ok().filter(|count| (1..=MOST).contains(count)).map(Some),
    },
};

/// The fewest and the most machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nodes {
    pub(super) min: u64,
    pub(super) max: u64,
}

/// How many machines; nothing stands for `auto`.
const NODE_COUNT: Kind<Option<Nodes>> = Kind::Read {
    form: Form::Text,
    placeholder: "auto|N|MIN:MAX",
    valid: "auto, a whole number from 1 to 100000, or the fewest and the most as 2:4",
    read: |text| match (text, text.split_once(':').unwrap_or((text, text))) {
        ("auto", _) => Some(None),
        (_, (min, max)) => {
            let (min, max) = (min.parse().ok()?, max.parse().ok()?);
            (1 <= min && min <= max && max <= MOST).then_some(Some(Nodes { min, max }))
        }
    },
};

/// A number from 0 on.
const FROM_ZERO: Kind<u64> = Kind::Read {
    form: Form::Number,
    placeholder: "N",
    valid: "a whole number, at least 0",
    read: |text| text.parse().ok(),
};

/// A port.
const PORT: Kind<u16> = Kind::Read {
    form: Form::Number,
    placeholder: "PORT",
    valid: "a whole number from 1 to 65535",
    read: |text| text.parse().ok().filter(|port| *port > 0),
};

/// Who starts the ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The first of these that is available.
    Auto,
    /// `mpirun`.
    Mpirun,
    /// Slurm's `srun`.
    Srun,
    /// The launcher itself.
    Local,
}

/// Who starts the ranks.
const START: Kind<Start> = Kind::OneOf(|| {
    vec![
        Choice::new("auto", "the first of these that is available", Start::Auto),
        Choice::new("mpirun", "Open MPI's mpirun", Start::Mpirun),
        Choice::new("srun", "Slurm's srun", Start::Srun),
        Choice::new("local", "the launcher itself", Start::Local),
    ]
});

static PER_NODE: Key<Option<u64>> =
    Key::new(Table::COMMAND, "nproc_per_node", COUNT, "processes on each machine; auto: its GPUs")
        .or("auto");
static NODES: Key<Option<Nodes>> = Key::new(
    Table::COMMAND,
    "nnodes",
    NODE_COUNT,
    "machines; auto: those of the Slurm job; MIN:MAX: as many of them as there are",
)
.or("auto");
static NODE_RANK: Key<u64> = Key::new(
    Table::COMMAND,
    "node_rank",
    FROM_ZERO,
    "which of the machines this is, where each has a launcher",
)
.or("0");
static MASTER_ADDR: Key<String> = Key::new(
    Table::COMMAND,
    "master_addr",
    TEXT,
    "host of node 0, where each machine has a launcher",
);
static MASTER_PORT: Key<u16> =
    Key::new(Table::COMMAND, "master_port", PORT, "port at which the launcher of node 0 listens")
        .or("29500");
static JOIN_WINDOW: Key<u64> = Key::new(
    Table::COMMAND,
    "join_window",
    FROM_ZERO,
    "seconds that more machines than MIN are waited for",
)
.or("30");
static MAX_RESTARTS: Key<u64> = Key::new(
    Table::COMMAND,
    "max_restarts",
    FROM_ZERO,
    "restarts after failures, from the newest checkpoint",
)
.or("0");
static START_KEY: Key<Start> =
    Key::new(Table::COMMAND, "start", START, "what starts the ranks").or("auto");
static DRY_RUN: Key<bool> =
    Key::new(Table::COMMAND, "dry_run", SWITCH, "print what would be started, and start nothing")
        .or("false");
static ENTRIES: &Entries = &[
    &PER_NODE,
    &NODES,
    &NODE_RANK,
    &MASTER_ADDR,
    &MASTER_PORT,
    &MAX_RESTARTS,
    &JOIN_WINDOW,
    &START_KEY,
    &DRY_RUN,
];

/// The launcher's flags.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// Processes on each machine; nothing where the launcher is to find out.
    pub(super) per_node: Option<u64>,
    /// Machines; nothing where the launcher is to find out.
    pub(super) nodes: Option<Nodes>,
    /// The machines, where each has a launcher.
    pub(super) cluster: Option<Cluster>,
    /// How often a failed run is started again.
    pub(super) max_restarts: u64,
    /// Who starts the ranks.
    pub(super) start: Start,
    /// Whether nothing is started.
    pub(super) is_dry: bool,
}

impl Options {
    /// Reads the arguments before `--`.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn read(line: CommandLine) -> Result<Self, Faults> {
        let config = COMMAND.read(line, &[]).map_err(with_the_trainers_place)?;
        let (nodes, start) = (config.get(&NODES)?, config.get(&START_KEY)?);
        Ok(Self {
            per_node: config.get(&PER_NODE)?,
            nodes,
            cluster: cluster(&config, nodes, start)?,
            max_restarts: config.get(&MAX_RESTARTS)?,
            start,
            is_dry: config.get(&DRY_RUN)?,
        })
    }
}

/// The same faults; a flag that resembles none of the launcher's may be one of the trainer's.
fn with_the_trainers_place(faults: Faults) -> Faults {
    let place = |fault: Fault| match fault.problem {
        Problem::UnknownFlag { hint: Hint::None } => {
            let hint = Hint::Advice("pass flags of the trainer after `--`; --help lists all flags");
            Fault { problem: Problem::UnknownFlag { hint }, ..fault }
        }
        _ => fault,
    };
    Faults(faults.0.into_iter().map(place).collect())
}

/// The machines, where each has a launcher.
fn cluster(
    config: &Written,
    nodes: Option<Nodes>,
    start: Start,
) -> Result<Option<Cluster>, Faults> {
    let Some(host) = config.find(&MASTER_ADDR) else { return Ok(None) };
    let fault = |need, remedy| {
        let problem = Problem::Needs { need, remedy };
        Err(Fault { place: config.place(&MASTER_ADDR), problem }.into())
    };
    match (nodes, start) {
        (None, _) => fault("--nnodes N or --nnodes MIN:MAX", "say how many machines there are"),
        (_, Start::Mpirun | Start::Srun) => {
            fault("--start local", "a launcher on each machine starts its ranks itself")
        }
        (Some(Nodes { min, max }), Start::Auto | Start::Local) => Ok(Some(Cluster {
            min,
            max,
            node: config.get(&NODE_RANK)?,
            place: MeetingPlace { host, port: config.get(&MASTER_PORT)? },
            window: Duration::from_secs(config.get(&JOIN_WINDOW)?),
        })),
    }
}

/// The launcher's command line.
pub(super) static COMMAND: Command = Command {
    name: "launcher",
    about: "Starts the trainer, one process for each GPU, and watches over them.",
    usage: "launcher [flags] -- train CONFIG.toml [trainer's flags]",
    entries: || ENTRIES,
    words: Words::None("the trainer's arguments go after `--`"),
    after: || AFTER.to_owned(),
};

const AFTER: &str = "\
examples:
  launcher --dry-run -- train configs/sst2.toml   what would be started, and why
  launcher --nproc-per-node 2 -- train configs/sst2.toml --device cpu

Several machines without Slurm have a launcher each, started alike but for
--node-rank: --nnodes 2:4 --node-rank 1 --master-addr HOST --max-restarts 3.
When one is lost, the run is started again on those that are left; pass
--global-batch-size to the trainer, so that it continues with the same batches.
Set LOCKSTEP_TOKEN to one secret on all machines, so that no stranger can join.

Without a GPU, auto is one process. In a Slurm job of several machines srun
starts the ranks, else mpirun where it is installed, else the launcher itself.
SIGTERM, SIGINT and SIGUSR1 are passed on: the ranks finish the update, write a
checkpoint and exit with 75. A second SIGTERM or SIGINT ends everything at once.
The exit code is that of the first rank that failed.";
