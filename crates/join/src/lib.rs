//! Which processes train together, and how they reach each other.
//!
//! The environment says who started us ([`Starter`]); joining the others is a collective call, after
//! which every rank knows the hosts, its share of the cores, and watches over its peers.

mod binding;
mod cores;
pub mod device;
mod error;
mod identity;
mod quota;
mod roster;
mod starter;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lockstep_collective::{
    Audited, Collective, How, Ledger, Lost, Meeting, Mpi, Patience, PhaseBoard, Solo, Tcp, Timed,
    Watch, WatchHandle, WatchSettings,
};
use lockstep_host::{Computes, Environment, ExitCode, Wish, decide, name_rank, streams};
use lockstep_world::{Rank, Seat, WorldSize};

pub use binding::Binding;
pub use cores::Cores;
use device::Place;
pub use error::{JoinError, PlaceError, WorldError, of_collective};
use roster::Roster;
pub use starter::{Family, Starter};

/// The rank that prints for all.
const LEADER: Rank = Rank(0);

/// How long ranks wait for each other to be started: queues and image downloads take minutes.
const ARRIVAL: Duration = Duration::from_secs(600);

/// The ranks that train together, as one of them sees them.
pub struct ProcessGroup {
    /// Its rank and the world size.
    pub seat: Seat,
    /// The calls between the ranks.
    pub collective: Box<dyn Collective>,
    /// The calls that were made, with their bytes and times.
    pub ledger: Ledger,
    /// The device it computes on.
    pub place: Place,
    /// The phase it is in, which its peers report when it is lost.
    pub board: PhaseBoard,
    /// Tells the other ranks when it ends, and notices when they do.
    pub watch: Watch,
    /// The cores it may use.
    pub cores: Cores,
    /// The host names, each once.
    pub hosts: Vec<String>,
    /// What a user reads about it.
    pub summary: GroupSummary,
}

/// A process group in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSummary {
    /// The threads of a rank, such as `2 threads per rank`.
    pub threads: String,
    /// The ranks, their hosts and how they communicate.
    pub ranks: String,
}

impl GroupSummary {
    fn of(seat: Seat, cores: &Cores, hosts: &[String], by: &str) -> Self {
        let threads = |per| format!("{}{per}{}", cores.pool_size(), cores.quota());
        let (world, here) = (seat.world().get(), cores.ranks);
        if world == 1 {
            return Self { threads: threads(""), ranks: "1".to_owned() };
        }
        let hosts = match hosts.len() {
            1 => "on 1 host".to_owned(),
            hosts => format!("on {hosts} hosts, {here} on this one"),
        };
        let ranks = format!("{world} {hosts}; this is {seat}; communication: {by}");
        Self { threads: threads(" per rank"), ranks }
    }
}

impl ProcessGroup {
    /// Joins the others: through MPI where that started us, else through the rendezvous; GPUs also
    /// over NCCL. `None` where another process trains alone.
    ///
    /// # Errors
    /// When they cannot be reached, the MPI is not the one this build was made for, or what is wished
    /// for cannot be had.
    pub fn join(
        starter: &Starter,
        wish: Wish,
        run: &JoinOptions<'_>,
    ) -> Result<Option<Self>, JoinError> {
        let (mut collective, by) = connect(starter)?;
        let mut seat = collective.seat();
        let gpus = device::visible(wish.device, run.environment)?;
        let mut roster = Roster::gather(&mut *collective, gpus, run.environment)?;
        let computes = decide(wish, &roster.equipment(), seat)?;
        if let Computes::Alone | Computes::Nothing = computes {
            collective.leave()?;
            if computes == Computes::Nothing {
                return Ok(None);
            }
            (collective, roster, seat) = (Box::new(Solo), roster.alone(seat), Seat::SOLO);
        }
        name_rank(seat);
        let cores = Cores::of(&roster, seat);
        cores.use_them();
        if let (true, Some(warning)) = (seat.is_leader(), roster.binding_warning()) {
            tracing::warn!("{warning}");
        }
        let board = PhaseBoard::default();
        let patience = run.patience;
        let settings = WatchSettings { host: roster.host(seat), board: board.clone(), patience };
        let watch =
            Watch::start(&mut *collective, settings, move |lost| end_with_peer(seat, lost))?;
        fail_on_panic(seat, &watch);
        let (collective, place) = take_place(collective, &roster, &computes)?;
        let (collective, ledger) = Timed::new(collective);
        let collective = Box::new(collective);
        let hosts = roster.hosts();
        let summary = GroupSummary::of(seat, &cores, &hosts, &by);
        Ok(Some(Self { seat, collective, ledger, place, board, watch, cores, hosts, summary }))
    }
}

/// What a process joins the others with.
pub struct JoinOptions<'a> {
    /// Which GPUs may be seen.
    pub environment: &'a Environment,
    /// How long a rank may be silent before it counts as lost.
    pub patience: Duration,
}

/// Opens this rank's device, and lets the gradients of GPUs go over NCCL.
fn take_place(
    collective: Box<dyn Collective>,
    roster: &Roster,
    computes: &Computes,
) -> Result<(Box<dyn Collective>, Place), JoinError> {
    let seat = collective.seat();
    let gpu = match *computes {
        Computes::OnGpu(ordinal) => roster.gpu(seat, ordinal).map(|gpu| (ordinal, gpu)),
        _ => None,
    };
    let Some((ordinal, gpu)) = gpu else { return Ok((collective, Place::cpu())) };
    let place = Place::gpu(ordinal, gpu)?;
    let collective =
        if seat.world() == WorldSize::ONE { collective } else { over_nccl(collective, ordinal)? };
    Ok((collective, place))
}

#[cfg(feature = "cuda")]
fn over_nccl(
    collective: Box<dyn Collective>,
    ordinal: usize,
) -> Result<Box<dyn Collective>, JoinError> {
    Ok(Box::new(Audited::new(lockstep_collective::Nccl::join(collective, ordinal)?)))
}

/// A build without CUDA, which has found no GPU to come here with.
#[cfg(not(feature = "cuda"))]
fn over_nccl(
    collective: Box<dyn Collective>,
    _ordinal: usize,
) -> Result<Box<dyn Collective>, JoinError> {
    Ok(collective)
}

/// The collective that belongs to a start, and what to call it.
fn connect(starter: &Starter) -> Result<(Box<dyn Collective>, String), JoinError> {
    match starter {
        Starter::Single => Ok((Box::new(Solo), "none".to_owned())),
        Starter::Mpi { seat, family, instead } => match instead {
            Some(_) if !speaks_to(*family) && seat.world() == WorldSize::ONE => {
                connect(&Starter::Single)
            }
            Some(meeting) if !speaks_to(*family) => {
                if seat.is_leader() && Mpi::IS_BUILT_IN {
                    tracing::warn!(
                        "the ranks were started by another MPI than the one that this program was \
                         built with, so they communicate over TCP"
                    );
                }
                over_tcp(*seat, meeting)
            }
            _ => over_mpi(*seat),
        },
        Starter::Rendezvous { seat, meeting } => over_tcp(*seat, meeting),
    }
}

/// Whether this build's MPI library understands a starter of this family.
fn speaks_to(family: Family) -> bool {
    Mpi::IS_BUILT_IN && (family == Family::OpenMpi || Mpi::speaks_to_mpich())
}

fn over_mpi(seat: Seat) -> Result<(Box<dyn Collective>, String), JoinError> {
    let mpi = Mpi::join()?;
    let (found, library) = (mpi.seat().world(), mpi.library());
    if found != seat.world() {
        return Err(WorldError::WrongMpi { expected: seat.world(), library }.into());
    }
    Ok((Box::new(Audited::new(mpi)), library))
}

fn over_tcp(seat: Seat, meeting: &Meeting) -> Result<(Box<dyn Collective>, String), JoinError> {
    if seat.is_leader() {
        streams::print_error_line(format_args!(
            "{seat} is waiting for the other ranks at {meeting}"
        ));
    }
    let patience = Patience { limit: ARRIVAL, tell: &|words| streams::print_error_line(words) };
    let tcp = Tcp::meet(seat, meeting, &patience)?;
    Ok((Box::new(Audited::new(tcp)), format!("TCP, rendezvous at {meeting}")))
}

/// Ends a rank that lost a peer, since its next call would wait for ever. The leader reports the loss
/// for all ranks; if the leader is lost, every rank does.
fn end_with_peer(seat: Seat, lost: &Lost) {
    let code = match &lost.how {
        How::Failed { code, .. } => ExitCode::of_peers(*code),
        How::Closed | How::Silent(_) => ExitCode::PeerLost,
    };
    if code != ExitCode::Stopped && (seat.is_leader() || lost.rank == LEADER) {
        streams::print_error_line(format_args!(
            "error: {lost}\n  hint: read the last lines of that rank's output, then start again with \
             --resume auto"
        ));
    }
    signal_hook::low_level::exit(i32::from(code.number()));
}

/// How long a rank that has lost its peers may take to end by itself.
const LAST: Duration = Duration::from_secs(5);

/// Makes sure that a rank without its peers exits, also where the memory of a GPU cannot be freed
/// because the GPU waits for one of them.
pub fn end_regardless(watch: WatchHandle, failure: String) {
    std::thread::spawn(move || {
        std::thread::sleep(LAST);
        watch.fail(&failure, ExitCode::PeerLost.number());
        streams::print_error_line(format_args!("error: {failure}"));
        signal_hook::low_level::exit(i32::from(ExitCode::PeerLost.number()));
    });
}

/// A panic in one rank must not leave the others waiting.
fn fail_on_panic(seat: Seat, watch: &Watch) {
    if seat.world().get() == 1 {
        return;
    }
    let (report, handle) = (std::panic::take_hook(), watch.handle());
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        handle.fail("it panicked, which is a bug in lockstep", ExitCode::Bug.number());
        signal_hook::low_level::exit(i32::from(ExitCode::Bug.number()));
    }));
}
