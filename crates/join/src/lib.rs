//! Which processes train together, and how they reach each other.
//!
//! The environment says who started us ([`Starter`]); joining the others is a collective call, after
//! which every rank knows the hosts, its share of the cores, and watches over its peers.

mod arrival;
mod binding;
mod cores;
pub mod device;
mod ending;
mod error;
mod flight;
mod identity;
mod quota;
mod roster;
mod starter;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use lockstep_collective::{
    Audited, Collective, FlightRecorder, Ledger, Meeting, Mpi, Patience, Solo, Tcp, Timed,
    Timeouts, Watch, WatchSettings, differences,
};
use lockstep_host::{Computes, Environment, Wish, decide, host_name, name_rank, streams};
use lockstep_world::{Seat, WorldSize};

use arrival::Arrival;
pub use binding::Binding;
pub use cores::Cores;
use device::Place;
pub use ending::end_regardless;
pub use error::{JoinError, PlaceError, WorldError, of_collective};
pub use flight::{FLIGHT, FlightLog};
use roster::Roster;
pub use starter::{MpiFamily, Starter};

/// How long ranks wait for each other to be started where that has no timeout.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

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
        let arrival = Arrival::begin(starter, run.timeouts.startup, run.environment, run.flight);
        let (mut collective, by) = connect(starter, run)?;
        let mut seat = collective.seat();
        let watch = run.watch(&mut *collective)?;
        drop(arrival);
        run.agree(&mut *collective, &watch)?;
        let gpus = device::visible(wish.device, run.environment)?;
        let mut roster = Roster::gather(&mut *collective, gpus, run.environment)?;
        // All ranks decide the same, so none of them is lost where that is a failure.
        let computes = decide(wish, &roster.equipment(), seat).inspect_err(|_| watch.leave())?;
        if let Computes::Alone | Computes::Nothing = computes {
            collective.leave()?;
            watch.leave();
            if computes == Computes::Nothing {
                return Ok(None);
            }
            let alone = Audited::with(Solo, run.recorder());
            (collective, roster, seat) = (Box::new(alone), roster.alone(seat), Seat::SOLO);
        }
        name_rank(seat);
        let cores = Cores::of(&roster, seat);
        cores.use_them();
        if let (true, Some(warning)) = (seat.is_leader(), roster.binding_warning()) {
            tracing::warn!("{warning}");
        }
        ending::fail_on_panic(seat, &watch, run.flight.clone());
        let (collective, place) = take_place(collective, &roster, &computes, run)?;
        let (collective, ledger) = Timed::new(collective);
        let collective = Box::new(collective);
        let hosts = roster.hosts();
        let summary = GroupSummary::of(seat, &cores, &hosts, &by);
        Ok(Some(Self { seat, collective, ledger, place, watch, cores, hosts, summary }))
    }
}

/// How much longer than the leader the other ranks wait.
const FOR_THE_LEADER: Duration = Duration::from_secs(1);

/// What a process joins the others with.
pub struct JoinOptions<'a> {
    /// Which GPUs may be seen.
    pub environment: &'a Environment,
    /// How long a rank may be silent before it counts as lost.
    pub patience: Duration,
    /// How long a rank that lives may let others wait.
    pub timeouts: Timeouts,
    /// What all ranks must have the same of, by name.
    pub facts: &'a BTreeMap<String, String>,
    /// Where the calls are noted, and where they are written to when the run ends by a failure.
    pub flight: &'a FlightLog,
}

impl JoinOptions<'_> {
    fn recorder(&self) -> FlightRecorder {
        self.flight.recorder().clone()
    }

    /// Whether all ranks were started with the same facts. All ranks get the same answer, so none of
    /// them is lost where that is a failure.
    fn agree(&self, collective: &mut dyn Collective, watch: &Watch) -> Result<(), JoinError> {
        let differences = differences(collective, self.facts)?;
        if differences.is_empty() {
            return Ok(());
        }
        watch.leave();
        Err(JoinError::Disagree { differences })
    }

    /// Starts the watch, which all ranks do together.
    fn watch(&self, collective: &mut dyn Collective) -> Result<Watch, JoinError> {
        let (seat, flight) = (collective.seat(), self.flight.clone());
        let settings = WatchSettings {
            host: host_name(),
            recorder: self.recorder(),
            patience: self.patience,
            timeouts: self.timeouts,
        };
        let notify = move |event| ending::on_event(seat, &flight, &event);
        Ok(Watch::start(collective, settings, notify)?)
    }
}

/// Opens this rank's device, and lets the gradients of GPUs go over NCCL.
fn take_place(
    collective: Box<dyn Collective>,
    roster: &Roster,
    computes: &Computes,
    run: &JoinOptions<'_>,
) -> Result<(Box<dyn Collective>, Place), JoinError> {
    let seat = collective.seat();
    let gpu = match *computes {
        Computes::OnGpu(ordinal) => roster.gpu(seat, ordinal).map(|gpu| (ordinal, gpu)),
        _ => None,
    };
    let Some((ordinal, gpu)) = gpu else { return Ok((collective, Place::cpu())) };
    let place = Place::gpu(ordinal, gpu)?;
    let collective = if seat.world() == WorldSize::ONE {
        collective
    } else {
        over_nccl(collective, ordinal, run)?
    };
    Ok((collective, place))
}

#[cfg(feature = "cuda")]
fn over_nccl(
    collective: Box<dyn Collective>,
    ordinal: usize,
    run: &JoinOptions<'_>,
) -> Result<Box<dyn Collective>, JoinError> {
    let (timeouts, recorder) = (run.timeouts, run.recorder());
    let board = recorder.board().clone();
    let nccl = lockstep_collective::Nccl::join(collective, ordinal, timeouts, board)?;
    Ok(Box::new(Audited::with(nccl, recorder)))
}

/// A build without CUDA, which has found no GPU to come here with.
#[cfg(not(feature = "cuda"))]
fn over_nccl(
    collective: Box<dyn Collective>,
    _ordinal: usize,
    _run: &JoinOptions<'_>,
) -> Result<Box<dyn Collective>, JoinError> {
    Ok(collective)
}

/// The collective that belongs to a start, and what to call it.
fn connect(
    starter: &Starter,
    run: &JoinOptions<'_>,
) -> Result<(Box<dyn Collective>, String), JoinError> {
    match starter {
        Starter::Single => Ok((Box::new(Audited::with(Solo, run.recorder())), "none".to_owned())),
        Starter::Mpi { seat, family, instead } => match instead {
            Some(_) if !speaks_to(*family) && seat.world() == WorldSize::ONE => {
                connect(&Starter::Single, run)
            }
            Some(meeting) if !speaks_to(*family) => {
                if seat.is_leader() && Mpi::IS_BUILT_IN {
                    tracing::warn!(
                        "the ranks were started by another MPI than the one that this program was \
                         built with, so they communicate over TCP"
                    );
                }
                over_tcp(*seat, meeting, run)
            }
            _ => over_mpi(*seat, run),
        },
        Starter::Rendezvous { seat, meeting } => over_tcp(*seat, meeting, run),
    }
}

/// Whether this build's MPI library understands a starter of this family.
fn speaks_to(family: MpiFamily) -> bool {
    Mpi::IS_BUILT_IN && (family == MpiFamily::OpenMpi || Mpi::speaks_to_mpich())
}

fn over_mpi(seat: Seat, run: &JoinOptions<'_>) -> Result<(Box<dyn Collective>, String), JoinError> {
    let mpi = Mpi::join()?;
    let (found, library) = (mpi.seat().world(), mpi.library());
    if found != seat.world() {
        return Err(WorldError::WrongMpi { expected: seat.world(), library }.into());
    }
    Ok((Box::new(Audited::with(mpi, run.recorder())), library))
}

fn over_tcp(
    seat: Seat,
    meeting: &Meeting,
    run: &JoinOptions<'_>,
) -> Result<(Box<dyn Collective>, String), JoinError> {
    if seat.is_leader() {
        streams::print_error_line(format_args!(
            "{seat} is waiting for the other ranks at {meeting}"
        ));
    }
    // The leader knows who is absent, so the others wait a little longer for its verdict.
    let later = if seat.is_leader() { Duration::ZERO } else { FOR_THE_LEADER };
    let limit = run.timeouts.startup.map_or(FOR_EVER, |limit| limit + later);
    let patience = Patience { limit, tell: &|words| streams::print_error_line(words) };
    let tcp = Tcp::meet(seat, meeting, &patience)?;
    Ok((Box::new(Audited::with(tcp, run.recorder())), format!("TCP, rendezvous at {meeting}")))
}
