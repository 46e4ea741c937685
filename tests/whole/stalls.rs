//! Ranks that let others wait, and what a run leaves to find out why. `tests/faults/stalls.py` repeats
//! this at many moments.

use std::fs;
use std::process::{Child, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lockstep_testkit::free_port;
use rustix::process::{Pid, Signal, kill_process};

use crate::lost_ranks::{find_rank, rank_of, wait_for_updates};
use crate::program::{Starter, Workplace, tiny_run};

/// Runs two ranks at one address, of which the second one has further flags.
fn pair(port: u16, further: &[&str]) -> [Output; 2] {
    let place = Workplace::new();
    let start = |rank: usize, further: &[&str]| -> Child {
        let common = ["--device", "cpu", "--max-steps", "4", "--startup-timeout", "60"];
        let arguments = tiny_run("tiny", &[&common[..], further].concat());
        let mut command = place.trainer(&arguments);
        command.env("RANK", rank.to_string()).env("WORLD_SIZE", "2");
        command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
        command.spawn().unwrap()
    };
    let ranks = [start(0, &[]), start(1, further)];
    ranks.map(|rank| rank.wait_with_output().unwrap())
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_setting_that_differs_on_one_rank_is_refused_by_all() {
    for (flags, expected) in [
        (
            "--gradient-accumulation-steps 2",
            "gradient_accumulation_steps: rank 1 has 2, rank 0 has 1",
        ),
        ("--save-strategy steps --save-steps 2", "save_steps: rank 1 has 2, rank 0 has nothing"),
        ("--replica-check-steps 1", "replica_check_steps: rank 1 has 1, rank 0 has nothing"),
        ("--max-grad-norm 2", "max_grad_norm: rank 1 has 2, rank 0 has 1"),
        ("--max-seq-length 64", "max_seq_length: rank 1 has 64, rank 0 has 128"),
    ] {
        let flags: Vec<&str> = flags.split(' ').collect();
        for output in pair(free_port(), &flags) {
            let told = told(&output);
            assert_eq!(output.status.code(), Some(2), "{flags:?}: {told}");
            assert!(told.contains(expected), "{flags:?}: {told}");
        }
    }
}

#[test]
fn what_only_one_rank_shows_may_differ() {
    let flags = ["--logging-steps", "1", "--report-to", "jsonl", "--max-grad-norm", "1.00"];
    for output in pair(free_port(), &flags) {
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    }
}

/// Waits until the file of a flight record is there.
fn wait_for_record(place: &Workplace, rank: usize) {
    let patience = Instant::now() + Duration::from_secs(60);
    let path = place.path(&format!("out/flight/rank-{rank}.json"));
    while !path.exists() {
        assert!(Instant::now() < patience, "no {}", path.display());
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_flight_record_is_written_on_sigusr2_and_the_run_continues() {
    let place = Workplace::new();
    let further = ["--device", "cpu", "--num-train-epochs", "100000", "--save-strategy", "no"];
    let mut command = place.ranks(Starter::Launcher, 2, &tiny_run("tiny", &further)).unwrap();
    let run = command.spawn().unwrap();
    wait_for_updates(&place, 3);
    let launcher = Pid::from_child(&run);
    kill_process(launcher, Signal::USR2).unwrap();
    (0..2).for_each(|rank| wait_for_record(&place, rank));
    let updates = place.metrics("out", "update").len();
    wait_for_updates(&place, updates + 3);
    let output = place.succeed(&["doctor", "flight", "out"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("all 2 ranks made the same calls, and none stood still"), "{told}");
    kill_process(launcher, Signal::TERM).unwrap();
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(75));
}

#[test]
fn a_rank_that_is_stopped_is_named_by_the_flight_records() {
    let place = Workplace::new();
    let lasting = ["--device", "cpu", "--num-train-epochs", "100000", "--save-strategy", "no"];
    let further = [&lasting[..], &["--peer-timeout", "2"]].concat();
    let mut command = place.ranks(Starter::Launcher, 3, &tiny_run("tiny", &further)).unwrap();
    let run = command.spawn().unwrap();
    wait_for_updates(&place, 3);
    kill_process(rank_of(&run, Starter::Launcher, 1), Signal::STOP).unwrap();
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(5));
    assert!(!fs::exists(place.path("out/flight/rank-1.json")).unwrap());
    let output = place.succeed(&["doctor", "flight", "out", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["missing"], found["ranks"].as_array().unwrap().len()), (&vec![1].into(), 2));
    assert!(found["diverged"].is_null(), "{found}");
    assert!(found["ranks"][0]["reason"].as_str().unwrap().contains("rank 1 (host "), "{found}");
}

#[test]
fn a_rank_that_is_stopped_before_it_connects_is_named() {
    let place = Workplace::new();
    let further = ["--device", "cpu", "--startup-timeout", "2"];
    let Some(mut command) = place.ranks(Starter::Launcher, 3, &tiny_run("tiny", &further)) else {
        return;
    };
    let run = command.spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    let rank = loop {
        assert!(Instant::now() < patience, "the ranks were not started");
        if let Some(rank) = find_rank(&run, Starter::Launcher, 2) {
            break rank;
        }
    };
    kill_process(rank, Signal::STOP).unwrap();
    let output = run.wait_with_output().unwrap();
    let told = told(&output);
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("error: ") && told.contains("rank 2"), "{told}");
}
