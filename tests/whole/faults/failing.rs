//! ENOSPC, EIO and EACCES at each call that changes a file in the output directory.
//!
//! Whatever fails, the run says what and why, exits with the code of the table, and a later `--resume
//! auto` finds the newest checkpoint whole and ends with the bits of a run that nothing happened to.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Mutex;

use lockstep_testkit::reference;

use super::injection::{Call, Harm, calls, harmed, logged, made_calls, watched};
use super::{each, has_whole_lines, sample, weights};
use crate::program::{Starter, Workplace, tiny_run};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EACCES: i32 = 13;

/// The faults, with the system's words for each.
const HARMS: [(Harm, &str); 4] = [
    (Harm::Full(ENOSPC), "No space left on device"),
    (Harm::Error(ENOSPC), "No space left on device"),
    (Harm::Error(EIO), "Input/output error"),
    (Harm::Error(EACCES), "Permission denied"),
];

/// Three checkpoints, of which two are kept, and two evaluations.
fn arguments(further: &[&str]) -> Vec<String> {
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let fixed = ["--max-steps", "6", "--learning-rate", "1e-3", "--validation-file", &rows];
    let cadence = ["--eval-strategy", "steps", "--eval-steps", "3", "--save-strategy", "steps"];
    let saving = ["--save-steps", "2", "--save-total-limit", "2"];
    tiny_run("tiny", &[&fixed[..], &cadence, &saving, further].concat())
}

/// What is only reported.
fn is_report(call: &Call) -> bool {
    let name = call.path.trim_start_matches("out/");
    let files = ["metrics.jsonl", ".metrics.jsonl", "logs", "README.md", ".README.md"];
    let of_the_report = ["report.html", ".report.html", "figures", "events.out.tfevents."];
    [&files[..], &of_the_report].concat().iter().any(|report| name.starts_with(report))
}

/// The step of the newest checkpoint that had its name before a call.
fn newest_before(calls: &[Call], number: usize) -> u64 {
    let before = calls.iter().filter(|call| call.number < number && call.verb == "rename");
    let step = |call: &Call| call.path.strip_prefix("out/checkpoint-")?.parse().ok();
    before.filter_map(step).max().unwrap_or(0)
}

/// The update that a run resumed from.
fn resumed_from(output: &Output) -> u64 {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let step = text.split_once("resumes after update ").map(|(_, rest)| rest.to_owned());
    step.map_or(0, |rest| rest.split_whitespace().next().unwrap().parse().unwrap())
}

/// One fault at one call: the exit code, and which call it was. Threads make calls beside each other, so
/// it need not be the one that had this number in another run.
fn check(expected: &[u8], number: usize, (harm, cause): (Harm, &str)) -> Option<(i32, Call)> {
    let place = Workplace::new();
    let run = |further: &[&str]| -> Command { place.trainer(&arguments(further)) };
    let command = logged(&place, watched(&place, run(&[])).unwrap());
    let output = harmed(command, number, harm).output().unwrap();
    let calls = made_calls(&place);
    let call = calls.iter().find(|call| call.number == number)?;
    let what = format!("{harm:?} at {call:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code().unwrap_or_else(|| panic!("{what}: {}", output.status));
    assert!([0, 1].contains(&code), "{what}: {code}, {told}");
    assert!(!told.contains("bug"), "{what}: {told}");
    if call.path == "out/run.lock" && call.verb != "remove" {
        assert!(code == 1 && output.stdout.is_empty(), "{what}: the directory is tried late");
    }
    if code == 1 {
        // Where the disk stays full, the next checkpoint is what ends it.
        let is_for_good = matches!(harm, Harm::Full(_));
        assert!(is_for_good || !is_report(call), "{what}: a report ended the run: {told}");
        assert!(told.contains("out") && told.contains(cause), "{what}: {told}");
        let output = run(&["--resume", "auto"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{what}, then: {told}");
        let (found, newest) = (resumed_from(&output), newest_before(&calls, number));
        assert!(found >= newest, "{what}: resumed from {found}, but {newest} was there");
        assert!(has_whole_lines(&place, "out/metrics.jsonl"), "{what}");
        assert!(has_whole_lines(&place, "out/logs/rank-0.jsonl"), "{what}");
    } else if is_report(call) || call.path.starts_with("out/checkpoint-") {
        let is_said = told.contains(cause) || told.contains("the disk is full");
        assert!(told.contains("warning: ") && is_said, "{what}: {told}");
    }
    assert!(weights(&place) == expected, "{what}: other weights");
    Some((code, call.clone()))
}

#[test]
fn a_rank_that_cannot_write_its_log_says_so_and_continues() {
    let place = Workplace::new();
    let run = tiny_run("tiny", &["--max-steps", "4", "--device", "cpu"]);
    let run = place.ranks(Starter::Launcher, 2, &run).unwrap();
    let Some(mut run) = watched(&place, run) else { return };
    run.env("FAULT_NAME", "out/logs/rank-1.jsonl");
    let output = harmed(run, 1, Harm::Full(EACCES)).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let expected = "rank 1 of 2: out/logs/rank-1.jsonl cannot be written (Permission denied";
    assert_eq!(told.matches(expected).count(), 1, "{told}");
    assert!(has_whole_lines(&place, "out/logs/rank-0.jsonl"));
}

/// Without a handler, SIGXFSZ would kill the process.
#[test]
fn a_limit_on_the_size_of_files_is_an_error() {
    let place = Workplace::new();
    let words = arguments(&[]).join(" ");
    // In units of 512 or 1024 bytes: less than the model.
    let line = format!("ulimit -f 100 && exec {} {words}", env!("CARGO_BIN_EXE_trainer"));
    let output =
        Command::new("sh").args(["-c", &line]).current_dir(place.path("")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("File too large") && told.contains("model.safetensors"), "{told}");
}

#[test]
fn whatever_call_fails_the_newest_checkpoint_is_whole_and_the_cause_is_named() {
    let place = Workplace::new();
    let Some(calls) = calls(&place, place.trainer(&arguments(&[]))) else { return };
    let expected = weights(&place);
    let counts: Mutex<BTreeMap<String, [usize; 2]>> = Mutex::default();
    each("a call that fails", &sample(&calls, 12), |call| {
        for (harm, cause) in HARMS {
            let Some((code, call)) = check(&expected, call.number, (harm, cause)) else { continue };
            let mut counts = counts.lock().unwrap();
            let row = counts.entry(format!("{cause}, {}", call.verb)).or_default();
            row[usize::from(code == 1)] += 1;
        }
    });
    println!("{} calls; for each fault and kind of call: continued, ended with 1", calls.len());
    counts.into_inner().unwrap().iter().for_each(|(what, counts)| println!("  {what}: {counts:?}"));
}
