//! SIGKILL at any moment, on one rank and on two: after the resume, the weights have the same bits.

use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use super::injection::{Harm, calls, harmed, watched};
use super::{are_all_tried, each, has_whole_lines, sample, weights};
use crate::lost_ranks::ranks_of;
use crate::program::{Starter, Workplace, succeed, tiny_run};

/// Updates of a run.
const UPDATES: usize = 200;

/// A run of [`UPDATES`] updates with a checkpoint every `save` updates.
fn run(place: &Workplace, ranks: usize, save: &str, further: &[&str]) -> Command {
    let updates = UPDATES.to_string();
    let fixed = ["--max-steps", &updates, "--learning-rate", "1e-3", "--device", "cpu"];
    let saving = ["--save-strategy", "steps", "--save-steps", save, "--save-total-limit", "2"];
    let arguments = tiny_run("tiny", &[&fixed[..], &saving, further].concat());
    match ranks {
        1 => place.trainer(&arguments),
        _ => place.ranks(Starter::Launcher, ranks, &arguments).unwrap(),
    }
}

/// Resumes a killed run and compares what it ends with.
fn check_resumed(place: &Workplace, ranks: usize, save: &str, expected: &[u8], what: &str) {
    succeed(run(place, ranks, save, &["--resume", "auto"]));
    assert!(weights(place) == expected, "{what}: other weights");
    let steps: Vec<_> =
        place.metrics("out", "update").iter().map(|line| line["step"].as_u64()).collect();
    let all = (1..=UPDATES as u64).map(Some).collect::<Vec<_>>();
    assert!(steps == all, "{what}: an update is not in metrics.jsonl once: {steps:?}");
    assert!(has_whole_lines(place, "out/metrics.jsonl"), "{what}");
    assert!(has_whole_lines(place, "out/logs/rank-0.jsonl"), "{what}");
}

/// Kills the leader as it writes the line of an update, before or in the middle of it.
fn killed_after_each_update(ranks: usize, few: usize) {
    const SAVE: &str = "3";
    let alone = Workplace::new();
    succeed(run(&alone, ranks, SAVE, &[]));
    let expected = weights(&alone);
    let all: Vec<usize> = (1..=UPDATES).collect();
    let Some(_) = watched(&alone, run(&alone, ranks, SAVE, &[])) else { return };
    each(&format!("{ranks} ranks, killed at an update"), &sample(&all, few), |update| {
        let place = Workplace::new();
        let mut command = watched(&place, run(&place, ranks, SAVE, &[])).unwrap();
        command.env("FAULT_NAME", "out/metrics.jsonl");
        // Before the first line the file is made and opened.
        let harm = if update % 2 == 0 { Harm::Kill } else { Harm::KillHalfway };
        let output = harmed(command, update + 2, harm).output().unwrap();
        assert!(!output.status.success(), "not killed at update {update}");
        let what = format!("{ranks} ranks, {harm:?} at update {update}");
        check_resumed(&place, ranks, SAVE, &expected, &what);
    });
}

/// Kills all processes of a run after a while; whether it had not ended before.
fn kill_after(mut child: Child, wait: Duration) -> bool {
    sleep(wait);
    let ranks = ranks_of(&child);
    let was_running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    for rank in ranks {
        let _ = kill_process(rank, Signal::KILL);
    }
    child.wait().unwrap();
    was_running
}

/// Kills all processes at a random moment, with a checkpoint after each update.
fn killed_at_random_moments(ranks: usize, few: u32) {
    const SAVE: &str = "1";
    let alone = Workplace::new();
    let began = Instant::now();
    succeed(run(&alone, ranks, SAVE, &[]));
    let whole = began.elapsed();
    let expected = weights(&alone);
    let wanted = if are_all_tried() { 100 } else { few };
    let moments: Vec<u32> = (1..=wanted).collect();
    each(&format!("{ranks} ranks, killed at a random moment"), &moments, |moment| {
        // The fractional parts of multiples of the golden ratio; a run that ended before is made again
        // and killed earlier.
        let share = (f64::from(*moment) * 0.618_033_988_749_895).fract();
        let mut wait = whole.mul_f64(share);
        loop {
            let place = Workplace::new();
            if kill_after(run(&place, ranks, SAVE, &[]).spawn().unwrap(), wait) {
                let what = format!("{ranks} ranks, killed after {wait:?}");
                return check_resumed(&place, ranks, SAVE, &expected, &what);
            }
            wait /= 2;
        }
    });
}

#[test]
fn one_rank_killed_after_any_update_ends_with_the_same_bits() {
    killed_after_each_update(1, 3);
}

#[test]
fn two_ranks_killed_after_any_update_end_with_the_same_bits() {
    killed_after_each_update(2, 2);
}

#[test]
fn one_rank_killed_at_any_moment_ends_with_the_same_bits() {
    killed_at_random_moments(1, 3);
}

#[test]
fn two_ranks_killed_at_any_moment_end_with_the_same_bits() {
    killed_at_random_moments(2, 2);
}

/// A short run, killed at each of its calls that change a file.
#[test]
fn killed_at_any_write_a_run_ends_with_the_same_bits() {
    let short = ["--max-steps", "6", "--learning-rate", "1e-3", "--save-strategy", "steps"];
    let short = [&short[..], &["--save-steps", "2", "--save-total-limit", "2"]].concat();
    let run = |place: &Workplace, further: &[&str]| {
        place.trainer(&tiny_run("tiny", &[&short[..], further].concat()))
    };
    let alone = Workplace::new();
    let Some(calls) = calls(&alone, run(&alone, &[])) else { return };
    let expected = weights(&alone);
    each("killed at a call", &sample(&calls, 12), |call| {
        let harms: &[Harm] = match call.verb.as_str() {
            "write" => &[Harm::Kill, Harm::KillHalfway],
            _ => &[Harm::Kill],
        };
        for harm in harms {
            let what = format!("{harm:?} at {call:?}");
            let place = Workplace::new();
            let command = watched(&place, run(&place, &[])).unwrap();
            let output = harmed(command, call.number, *harm).output().unwrap();
            assert_eq!(output.status.code(), None, "{what}: {}", output.status);
            let output = run(&place, &["--resume", "auto"]).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{what}: {told}");
            assert!(weights(&place) == expected, "{what}: other weights");
            assert!(has_whole_lines(&place, "out/metrics.jsonl"), "{what}");
            assert!(has_whole_lines(&place, "out/logs/rank-0.jsonl"), "{what}");
            let left = std::fs::read_dir(place.path("out")).unwrap().flatten();
            let names = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
            let unfinished: Vec<String> = names.filter(|name| name.contains(".partial")).collect();
            assert!(unfinished.is_empty(), "{what}: {unfinished:?} stays");
        }
    });
}
