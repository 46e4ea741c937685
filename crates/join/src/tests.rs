//! Ranks that end in the middle of a run, as only the program itself can: this test program starts
//! itself, one process a rank.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lockstep_collective::{CollectiveError, Phase};
use lockstep_host::{DeviceChoice, Environment, Sharing};
use lockstep_testkit::{free_port, skip};

use super::*;

const RANKS: usize = 3;
/// How a rank is to end, for the ranks' processes.
const ENDING: &str = "LOCKSTEP_TEST_ENDING";
/// For how many seconds a rank that lives may let others wait.
const TIMEOUT: &str = "LOCKSTEP_TEST_TIMEOUT";
/// Which rank is to end so, where one command starts them all.
const ACTOR: &str = "LOCKSTEP_TEST_ACTOR";
/// What a rank of these tests runs.
const RANK: [&str; 4] = ["--ignored", "--exact", "--nocapture", "tests::rank_that_ends"];

/// Starts the ranks, of which `actor` ends in that way; gives how each ended, in their order.
fn endings(actor: usize, ending: &str) -> Vec<Output> {
    let others = if ending == "hang" { "work soon" } else { "work" };
    endings_of(|rank| if rank == actor { ending.to_owned() } else { others.to_owned() })
}

fn endings_of(ending: impl Fn(usize) -> String) -> Vec<Output> {
    let port = free_port();
    let start = |rank: usize| -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(RANK);
        command.env("RANK", rank.to_string()).env("WORLD_SIZE", RANKS.to_string());
        command.env("MASTER_ADDR", "localhost").env("MASTER_PORT", port.to_string());
        command.env(ENDING, ending(rank)).env(TIMEOUT, timeout(&ending(rank)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let ranks: Vec<_> = (0..RANKS).map(start).collect();
    ranks.into_iter().map(|rank| rank.wait_with_output().unwrap()).collect()
}

/// What hangs is to be found soon; the other endings have to be found without a timeout.
fn timeout(ending: &str) -> &'static str {
    if ["hang", "work soon"].contains(&ending) { "2" } else { "60" }
}

fn check(actor: usize, ending: &str, code: i32, expected: &str) {
    let began = Instant::now();
    let ends = endings(actor, ending);
    let told: String = ends.iter().map(|end| String::from_utf8_lossy(&end.stderr)).collect();
    assert!(began.elapsed() < Duration::from_secs(10), "rank {actor}, {ending}: {told}");
    for (rank, end) in ends.iter().enumerate() {
        let expected = if rank == actor { code } else { 5 };
        assert_eq!(end.status.code(), Some(expected), "rank {rank} of {actor}, {ending}: {told}");
    }
    let named = format!("error: rank {actor} (host {}) {expected}", lockstep_host::host_name());
    assert!(told.contains(&named), "{named}: {told}");
}

/// The same under mpirun, which kills the others once it has seen a rank end: some other rank has to
/// say which one first.
fn check_under_mpirun(actor: usize, ending: &str, expected: &str) {
    let began = Instant::now();
    let mut mpirun = Command::new("mpirun");
    mpirun.args(["--oversubscribe", "-n", &RANKS.to_string()]);
    mpirun.arg(std::env::current_exe().unwrap()).args(RANK);
    mpirun.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    mpirun.env(ENDING, ending).env(ACTOR, actor.to_string()).env(TIMEOUT, timeout(ending));
    let Ok(end) = mpirun.output() else {
        skip("there is no mpirun");
        return;
    };
    let told = String::from_utf8_lossy(&end.stderr);
    assert!(began.elapsed() < Duration::from_secs(10), "rank {actor}, {ending}: {told}");
    assert_ne!(end.status.code(), Some(0), "rank {actor}, {ending}: {told}");
    let named = format!("error: rank {actor} (host {}) {expected}", lockstep_host::host_name());
    assert!(told.contains(&named), "{named}: {told}");
}

/// Each rank ends in this way, over TCP and under mpirun.
fn check_each(ending: &str, code: i32, expected: &str) {
    for actor in 0..RANKS {
        check(actor, ending, code, expected);
        if cfg!(feature = "mpi") {
            check_under_mpirun(actor, ending, expected);
        }
    }
}

#[test]
fn a_rank_that_ends_well_too_early_is_lost() {
    let expected = "was lost while computing gradients, update 7: its process is gone";
    check_each("exit", 0, expected);
}

#[test]
fn a_rank_that_panics_is_named_with_its_reason() {
    let expected = "failed while computing gradients, update 7: it panicked";
    check_each("panic", 70, expected);
}

#[test]
fn a_rank_that_cannot_give_its_memory_back_ends_after_all() {
    let expected = "failed while computing gradients, update 7: NCCL failed";
    for actor in 0..RANKS {
        check(actor, "stuck", 5, expected);
    }
}

#[test]
fn a_rank_that_hangs_is_named_and_ended() {
    let expected = "has not reached all_reduce_sum (call ";
    check_each("hang", 5, expected);
}

#[test]
fn a_rank_that_makes_another_call_is_named() {
    for phase in ["starting", "computing", "evaluating", "saving"] {
        for actor in 0..RANKS {
            let ends = endings_of(|rank| match rank == actor {
                true => format!("barrier {phase}"),
                false => format!("sum {phase}"),
            });
            for end in &ends {
                let told = String::from_utf8_lossy(&end.stderr);
                let differs = told.contains(&format!("rank {actor}: call "))
                    && told.contains(", barrier while ")
                    && told.contains(", all_reduce_sum of 100000 f32 while ");
                assert!(differs && end.status.code() == Some(70), "{actor} {phase}: {told}");
            }
        }
    }
}

/// Ends with the code of a call that fails.
fn end_by(outcome: Result<(), CollectiveError>) {
    let error = outcome.unwrap_err();
    eprintln!("error: {error}");
    std::process::exit(i32::from(of_collective(&error).number()));
}

#[test]
#[ignore = "one rank: the others start it"]
fn rank_that_ends() {
    let starter = Starter::of(&std::env::vars().collect::<Environment>()).unwrap();
    let wish = Wish { device: DeviceChoice::Cpu, sharing: Sharing::Refused };
    let patience = Duration::from_secs(10);
    let flight = FlightLog::new(starter.seat(), None);
    let seconds = std::env::var(TIMEOUT).ok().and_then(|seconds| seconds.parse().ok());
    let limit = seconds.map(Duration::from_secs);
    let timeouts = Timeouts { startup: limit, collective: limit, saving: limit };
    let environment = &Environment::default();
    let facts = &BTreeMap::new();
    let options = JoinOptions { environment, patience, timeouts, facts, flight: &flight };
    let mut world = ProcessGroup::join(&starter, wish, &options).unwrap().unwrap();
    let own = world.seat.rank().0.to_string();
    let is_another = std::env::var(ACTOR).is_ok_and(|actor| actor != own);
    let ending = std::env::var(ENDING).ok().filter(|_| !is_another).unwrap_or_default();
    let (ending, phase) = ending.split_once(' ').unwrap_or((&ending, ""));
    let phase = serde_json::from_value(phase.into()).unwrap_or(Phase::Computing);
    flight.recorder().board().enter(phase, 7);
    world.collective.barrier().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    match ending {
        "exit" => std::process::exit(0),
        "panic" => panic!("as it was told"),
        "stuck" => end_regardless(world.watch.handle(), "NCCL failed".to_owned()),
        "hang" => std::thread::sleep(Duration::from_secs(20)),
        "barrier" => end_by(world.collective.barrier()),
        "sum" => end_by(world.collective.all_reduce_sum(&mut [1.0; 100_000])),
        // The watch ends a rank that lost a peer; its collective only fails.
        _ => while world.collective.all_reduce_sum(&mut [1.0; 100_000]).is_ok() {},
    }
    std::thread::sleep(Duration::from_secs(20));
}
