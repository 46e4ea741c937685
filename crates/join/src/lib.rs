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
use lockstep_host::{Computes, Environment, ExitCode, Wish, decide, streams};
use lockstep_world::{Rank, Seat, WorldSize};

pub use binding::Binding;
pub use cores::Cores;
use device::Place;
pub use error::{JoinError, PlaceError, WorldError, of_collective};
use roster::Roster;
pub use starter::{Family, Starter};

/// Who speaks for all.
const LEADER: Rank = Rank(0);

/// How long ranks wait for each other to be started: queues and image downloads take minutes.
const ARRIVAL: Duration = Duration::from_secs(600);

/// This process among those that train with it.
pub struct ProcessGroup {
    /// Who it is.
    pub seat: Seat,
    /// The way to the others.
    pub collective: Box<dyn Collective>,
    /// What that way was used for.
    pub ledger: Ledger,
    /// What it computes on.
    pub place: Place,
    /// Where it notes what it is doing.
    pub board: PhaseBoard,
    /// Who tells the others when it ends.
    pub watch: Watch,
    /// What it may use of its machine.
    pub cores: Cores,
    /// The machines, each once.
    pub hosts: Vec<String>,
    /// One line about all of this, for people.
    pub told: String,
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
        let cores = Cores::of(&roster, seat);
        cores.use_them();
        if let (true, Some(warning)) = (seat.is_leader(), roster.binding_warning()) {
            streams::tell(warning);
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
        let told = match seat.world().get() {
            1 => format!("{}; rank 0 of 1", cores.told()),
            _ => format!(
                "{} a rank; {seat}, {} on this host, {} in all; by {by}",
                cores.told(),
                cores.ranks,
                hosts.len(),
            ),
        };
        let told = told + &cores.reason();
        Ok(Some(Self { seat, collective, ledger, place, board, watch, cores, hosts, told }))
    }
}

/// What a process joins the others with.
pub struct JoinOptions<'a> {
    /// Which GPUs may be seen.
    pub environment: &'a Environment,
    /// How long a silent rank is borne.
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
        Starter::Nobody => Ok((Box::new(Solo), "nobody".to_owned())),
        Starter::Mpi { seat, family, instead } => match instead {
            Some(_) if !speaks_to(*family) && seat.world() == WorldSize::ONE => {
                connect(&Starter::Nobody)
            }
            Some(meeting) if !speaks_to(*family) => {
                if seat.is_leader() && Mpi::IS_BUILT_IN {
                    streams::tell(
                        "note: who started the ranks speaks another language than the MPI that this \
                         program was built with, so they talk over TCP",
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
        streams::tell(format_args!("{seat} waits for the others at {meeting}"));
    }
    let patience = Patience { limit: ARRIVAL, tell: &|words| streams::tell(words) };
    let tcp = Tcp::meet(seat, meeting, &patience)?;
    Ok((Box::new(Audited::new(tcp)), format!("TCP, met at {meeting}")))
}

/// A rank that lost a peer can only wait for ever in the next call: it ends at once. One rank says
/// why for all, as long as the leader lives.
fn end_with_peer(seat: Seat, lost: &Lost) {
    let code = match &lost.how {
        How::Failed { code, .. } => ExitCode::of_peers(*code),
        How::Closed | How::Silent(_) => ExitCode::PeerLost,
    };
    if code != ExitCode::Stopped && (seat.is_leader() || lost.rank == LEADER) {
        streams::tell(format_args!(
            "error: {lost}; see what it said last, and start again with --resume auto"
        ));
    }
    signal_hook::low_level::exit(i32::from(code.number()));
}

/// How long a rank that has lost its peers may take to end by itself.
const LAST: Duration = Duration::from_secs(5);

/// Makes sure that a rank which cannot go on without its peers ends, also where the memory of a GPU
/// cannot be given back because the GPU waits for one of them.
pub fn end_regardless(watch: WatchHandle, failure: String) {
    std::thread::spawn(move || {
        std::thread::sleep(LAST);
        watch.fail(&failure, ExitCode::PeerLost.number());
        streams::tell(format_args!("error: {failure}"));
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
        handle.fail("it panicked, which is a bug of ours", ExitCode::Bug.number());
        signal_hook::low_level::exit(i32::from(ExitCode::Bug.number()));
    }));
}
