//! The launcher's own arguments, which precede `--`.

use lockstep_flags::{
    Choice, Command, CommandLine, Entries, Faults, Form, Key, Kind, SWITCH, Table, Words,
};

/// How many of something; nothing stands for `auto`.
const COUNT: Kind<Option<u64>> = Kind::Read {
    form: Form::Number,
    placeholder: "auto|N",
    valid: "auto, or a whole number from 1 to 100000",
    read: |text| match text {
        "auto" => Some(None),
        text => text.parse().ok().filter(|count| (1..=100_000).contains(count)).map(Some),
    },
};

/// A number of restarts.
const RESTARTS: Kind<u64> = Kind::Read {
    form: Form::Number,
    placeholder: "N",
    valid: "a whole number, at least 0",
    read: |text| text.parse().ok(),
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
static NODES: Key<Option<u64>> =
    Key::new(Table::COMMAND, "nnodes", COUNT, "machines; auto: those of the Slurm job").or("auto");
static MAX_RESTARTS: Key<u64> = Key::new(
    Table::COMMAND,
    "max_restarts",
    RESTARTS,
    "restarts after failures, from the newest checkpoint",
)
.or("0");
static START_KEY: Key<Start> =
    Key::new(Table::COMMAND, "start", START, "what starts the ranks").or("auto");
static DRY_RUN: Key<bool> =
    Key::new(Table::COMMAND, "dry_run", SWITCH, "print what would be started, and start nothing")
        .or("false");
static ENTRIES: &Entries = &[&PER_NODE, &NODES, &MAX_RESTARTS, &START_KEY, &DRY_RUN];

/// The launcher's flags.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// Processes on each machine; nothing where the launcher is to find out.
    pub(super) per_node: Option<u64>,
    /// Machines; nothing where the launcher is to find out.
    pub(super) nodes: Option<u64>,
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
        let config = COMMAND.read(line, &[])?;
        Ok(Self {
            per_node: config.get(&PER_NODE)?,
            nodes: config.get(&NODES)?,
            max_restarts: config.get(&MAX_RESTARTS)?,
            start: config.get(&START_KEY)?,
            is_dry: config.get(&DRY_RUN)?,
        })
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

Without a GPU, auto is one process. In a Slurm job of several machines srun
starts the ranks, else mpirun where it is installed, else the launcher itself.
SIGTERM, SIGINT and SIGUSR1 are passed on: the ranks finish the update, write a
checkpoint and exit with 75. A second SIGTERM or SIGINT ends everything at once.
The exit code is that of the first rank that failed.";
