//! A rank that is lost ends all others soon, and is named with what it was doing.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lockstep_host::ProcessStat;
use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Starter, Workplace, metrics, tiny_run};

const RANKS: usize = 4;
const PEER_TIMEOUT: u64 = 4;

/// Waits until a run has told so many updates.
pub(crate) fn wait_for_updates(place: &Workplace, updates: usize) {
    let patience = Instant::now() + Duration::from_secs(120);
    while metrics(&place.path("out"), "update").len() < updates {
        assert!(Instant::now() < patience, "no {updates} updates in two minutes");
        sleep(Duration::from_millis(2));
    }
}

/// The process of a rank.
pub(crate) fn rank_of(run: &Child, starter: Starter, rank: usize) -> Pid {
    find_rank(run, starter, rank).unwrap()
}

/// The same, if it was started.
pub(crate) fn find_rank(run: &Child, starter: Starter, rank: usize) -> Option<Pid> {
    let variable = match starter {
        Starter::Mpirun => format!("OMPI_COMM_WORLD_RANK={rank}"),
        Starter::Launcher => format!("RANK={rank}"),
    };
    let is_rank = |pid: &Pid| has_variable(*pid, |entry| entry == variable.as_bytes());
    ranks_of(run).into_iter().find(is_rank)
}

/// Whether an entry of the environment that a process was started with fits.
pub(crate) fn has_variable(pid: Pid, fits: impl Fn(&[u8]) -> bool) -> bool {
    let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
    let environment = fs::read(path).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(fits)
}

pub(crate) fn ranks_of(run: &Child) -> Vec<Pid> {
    let id = run.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    children.split(' ').filter_map(|word| Pid::from_raw(word.parse().ok()?)).collect()
}

/// Sends a signal to a rank some time after the tenth update, and looks how the run ends.
fn check(starter: Starter, signal: Signal, rank: usize, delay: u64) {
    let what = format!("{starter:?}, {signal:?} to rank {rank} after {delay} ms");
    let place = Workplace::new();
    let timeout = PEER_TIMEOUT.to_string();
    let further = [
        ["--device", "cpu"],
        ["--num-train-epochs", "100000"],
        ["--save-strategy", "steps"],
        ["--save-steps", "7"],
        ["--save-total-limit", "1"],
        ["--peer-timeout", &timeout],
    ];
    let Some(mut command) = place.ranks(starter, RANKS, &tiny_run("tiny", &further.concat()))
    else {
        return;
    };
    let child = command.spawn().unwrap();
    wait_for_updates(&place, 10);
    sleep(Duration::from_millis(delay));
    let ranks = ranks_of(&child);
    kill_process(rank_of(&child, starter, rank), signal).unwrap();
    let began = Instant::now();
    let output = child.wait_with_output().unwrap();
    let patience = if signal == Signal::STOP { PEER_TIMEOUT + 5 } else { 10 };
    while ranks.iter().any(is_running) && began.elapsed() < Duration::from_secs(patience) {
        sleep(Duration::from_millis(10));
    }
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(began.elapsed() < Duration::from_secs(patience), "{what}: {told}");
    assert_ne!(output.status.code(), Some(0), "{what}: {told}");
    let named = told.lines().any(|line| {
        line.contains(&format!("error: rank {rank} (host ")) && line.contains("was lost while ")
    });
    assert!(named, "{what}: {told}");
    if signal == Signal::STOP {
        assert_eq!(output.status.code(), Some(5), "{what}: {told}");
    }
}

/// A process that ended and was not yet asked for its status is a zombie, and not running.
fn is_running(pid: &Pid) -> bool {
    let stat = ProcessStat::read(Path::new(&format!("/proc/{}", pid.as_raw_nonzero())));
    stat.is_some_and(|stat| stat.state != 'Z')
}

#[test]
fn a_killed_rank_is_named_at_any_moment() {
    for (case, rank) in [0, 1, 2, 3, 0, 2].into_iter().enumerate() {
        check(Starter::Mpirun, Signal::KILL, rank, 37 * case as u64);
        check(Starter::Launcher, Signal::KILL, rank, 41 * case as u64);
    }
}

#[test]
fn a_stopped_rank_is_named_within_the_timeout() {
    for (rank, delay) in [(0, 5), (3, 50)] {
        check(Starter::Mpirun, Signal::STOP, rank, delay);
        check(Starter::Launcher, Signal::STOP, rank, delay);
    }
}
