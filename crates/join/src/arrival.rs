//! The deadline of the time before a watch: ranks that wait for one that does not come.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use lockstep_host::{Environment, ExitCode, ProcessStat, streams};
use lockstep_world::Seat;

use crate::{FlightLog, Starter};

/// What the thread that waits is called, so that the other ranks of a host see who has come so far.
const WAITS: &str = "awaits-ranks";
/// The rendezvous has the same deadline and knows more, so it comes first.
const LATER: Duration = Duration::from_millis(1500);
/// A thread that comes so much later was not run itself.
const LATE: Duration = Duration::from_secs(1);
/// What the ranks of a run share, and those of another do not.
const OF_RUN: [&str; 5] =
    ["PMIX_NAMESPACE", "PMI_JOBID", "LOCKSTEP_RUN_ID", "MASTER_ADDR", "MASTER_PORT"];

/// Ends this process unless it is dropped in time.
pub(super) struct Arrival {
    _watched: Sender<()>,
}

impl Arrival {
    /// Begins to wait for the others, at most for `limit`.
    pub(super) fn begin(
        starter: &Starter,
        limit: Option<Duration>,
        environment: &Environment,
        flight: &FlightLog,
    ) -> Self {
        let (watched, dropped) = channel();
        let seat = starter.seat();
        if let (Some(limit), true) = (limit, seat.world().get() > 1) {
            let (environment, flight) = (environment.clone(), flight.clone());
            let wait = move || {
                let began = Instant::now();
                let outcome = dropped.recv_timeout(limit + LATER);
                if outcome == Err(RecvTimeoutError::Timeout) {
                    let was_stopped = began.elapsed() > limit + LATER + LATE;
                    let absent = (!was_stopped).then(|| absent(seat, &environment));
                    end(seat, limit, absent, &flight);
                }
            };
            // Without the thread there is no deadline, as with a timeout that is off.
            let _ = thread::Builder::new().name(WAITS.to_owned()).spawn(wait);
        }
        Self { _watched: watched }
    }
}

/// Ends this rank, which knows who is absent unless it was not run itself.
fn end(seat: Seat, limit: Duration, absent: Option<Vec<String>>, flight: &FlightLog) {
    let absent = match absent {
        None => "this rank itself was stopped, or its host is overloaded".to_owned(),
        Some(absent) if absent.is_empty() => "every rank of this host has come".to_owned(),
        Some(absent) => absent.join("; "),
    };
    let reason =
        format!("{seat} has waited {} s for all ranks to connect: {absent}", limit.as_secs());
    streams::print_error_line(format_args!(
        "error: {reason}\n  hint: look at the host of the rank that did not come, or pass a longer \
         --startup-timeout"
    ));
    flight.write(&reason);
    signal_hook::low_level::exit(i32::from(ExitCode::PeerLost.number()));
}

/// The ranks of this host that are stopped, or that do not wait for the others.
fn absent(own: Seat, environment: &Environment) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered =
        entries.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    let mut absent: Vec<(usize, String)> = numbered
        .filter_map(|entry| {
            let rank = rank_of(&entry.path(), own, environment)?;
            Some((rank, format!("rank {rank} {}", why_absent(&entry.path())?)))
        })
        .collect();
    absent.sort();
    absent.into_iter().map(|(_, words)| words).collect()
}

/// The rank of a process of the same run, if it is one.
fn rank_of(process: &Path, own: Seat, environment: &Environment) -> Option<usize> {
    let program = |process: &Path| fs::read_link(process.join("exe")).ok();
    let theirs = fs::read(process.join("environ")).ok()?;
    let theirs: Environment = theirs
        .split(|byte| *byte == 0)
        .filter_map(|entry| {
            let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect();
    let is_same = OF_RUN.iter().all(|name| theirs.get(name) == environment.get(name));
    if !is_same || program(process)? != program(&PathBuf::from("/proc/self"))? {
        return None;
    }
    let seat = Starter::of(&theirs).ok()?.seat();
    (seat.world() == own.world()).then_some(seat.rank().0)
}

/// Why a process does not connect; nothing if it waits for others, too.
fn why_absent(process: &Path) -> Option<&'static str> {
    match ProcessStat::read(process).map(|stat| stat.state) {
        Some('T' | 't') => return Some("is stopped (SIGSTOP, or a debugger)"),
        Some('Z') | None => return Some("has ended"),
        Some(_) => {}
    }
    let tasks = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let waits = |task: fs::DirEntry| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == WAITS)
    };
    (!tasks.into_iter().any(waits)).then_some("is alive, but does not connect")
}
