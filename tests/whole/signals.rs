//! A signal ends a run in an orderly way, and the run can be resumed.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lockstep_testkit::free_port;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::faults::injection::waiting_for;
use crate::lost_ranks::{ranks_of, wait_for_updates};
use crate::program::{Starter, Workplace, metrics, tiny_run};

const RUN: [&str; 4] = ["--num-train-epochs", "30", "--save-strategy", "no"];

fn stopped_by(signal: Signal) -> Workplace {
    let place = Workplace::new();
    let mut child = place.trainer(&tiny_run("tiny", &RUN)).spawn().unwrap();
    wait_for_updates(&place, 10);
    kill_process(Pid::from_child(&child), signal).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(75), "{signal:?}: {status}");
    place
}

#[test]
fn a_signalled_run_leaves_a_checkpoint_and_goes_on_with_the_same_bits() {
    let weights = |place: &Workplace| fs::read(place.path("out/model.safetensors")).unwrap();
    let alone = Workplace::new();
    alone.succeed(&tiny_run("tiny", &RUN));
    for signal in [Signal::TERM, Signal::INT, Signal::USR1, Signal::HUP] {
        let place = stopped_by(signal);
        place.succeed(&tiny_run("tiny", &[&RUN[..], &["--resume", "auto"]].concat()));
        assert!(weights(&place) == weights(&alone), "{signal:?}: other weights");
    }
}

/// The launcher is killed, so the output of its ranks has no reader either.
#[test]
fn ranks_that_lost_their_launcher_write_a_checkpoint_and_exit() {
    let place = Workplace::new();
    let further = [&RUN[..], &["--device", "cpu", "--global-batch-size", "16"]].concat();
    let run = tiny_run("tiny", &further);
    let mut launcher = place.ranks(Starter::Launcher, 2, &run).unwrap().spawn().unwrap();
    wait_for_updates(&place, 10);
    let ranks = ranks_of(&launcher);
    assert_eq!(ranks.len(), 2);
    launcher.kill().unwrap();
    drop((launcher.stdout.take(), launcher.stderr.take()));
    launcher.wait().unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    while ranks.iter().any(|rank| test_kill_process(*rank).is_ok()) {
        assert!(Instant::now() < patience, "the ranks are still there after two minutes");
        sleep(Duration::from_millis(5));
    }
    let updates = metrics(&place.path("out"), "update").len();
    assert!(updates < 390 && place.path(&format!("out/checkpoint-{updates}")).exists());
    place.succeed(&tiny_run("tiny", &[&further[..], &["--resume", "auto"]].concat()));
}

/// A program that has begun, and what to send it.
fn ends_with(mut child: std::process::Child, signal: Signal) -> (Option<i32>, String) {
    kill_process(Pid::from_child(&child), signal).unwrap();
    let status = child.wait().unwrap();
    let mut told = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut told).unwrap();
    (status.code(), told)
}

fn file_of_rows(place: &Workplace) -> String {
    fs::write(place.path("rows.tsv"), "text\tlabel\na warm cat\tgood\na cold dog\tbad\n").unwrap();
    place.path("rows.tsv").display().to_string()
}

#[test]
fn before_the_first_update_nothing_is_lost() {
    for signal in [Signal::TERM, Signal::INT, Signal::USR1, Signal::HUP] {
        let place = Workplace::new();
        // Rows that never come: it waits for them until the signal.
        let rows = file_of_rows(&place);
        let run = ["train", "--model", "builtin:tiny", "--train-file", &rows];
        let run = place.trainer(&[&run[..], &["--output-dir", "out"]].concat());
        let Some(mut waiting) = waiting_for("rows.tsv", run) else { return };
        let child = waiting.spawn().unwrap();
        sleep(Duration::from_millis(700));
        let (code, told) = ends_with(child, signal);
        assert_eq!(code, Some(75), "{signal:?}: {told}");
        assert!(told.contains("before the first update"), "{signal:?}: {told}");
        // A rank that waits for others that never come.
        let mut waiting = place.trainer(&tiny_run("tiny", &RUN));
        for (name, value) in [("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1")] {
            waiting.env(name, value);
        }
        let child = waiting
            .env("MASTER_PORT", free_port().to_string())
            .env("LOCAL_RANK", "0")
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(700));
        let (code, told) = ends_with(child, signal);
        assert_eq!(code, Some(75), "{signal:?}: {told}");
    }
}

#[test]
fn an_evaluation_is_cut_short_and_made_again() {
    let rows = lockstep_testkit::reference("golden/rows.tsv");
    let place = Workplace::new();
    let text = fs::read_to_string(rows).unwrap();
    let (header, lines) = text.split_once('\n').unwrap();
    // A minute or more of it.
    fs::write(place.path("many.tsv"), format!("{header}\n{}", lines.repeat(1500))).unwrap();
    let evaluated = ["--validation-file", "many.tsv", "--eval-strategy", "steps"];
    let evaluated = [&evaluated[..], &["--eval-steps", "3", "--max-steps", "6"]].concat();
    let run = tiny_run("tiny", &[&evaluated[..], &["--save-strategy", "no"]].concat());
    let child = place.trainer(&run).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(300);
    while metrics(&place.path("out"), "update").len() < 3 {
        assert!(Instant::now() < patience, "no three updates");
        sleep(Duration::from_millis(2));
    }
    sleep(Duration::from_millis(500));
    let asked = Instant::now();
    let (code, told) = ends_with(child, Signal::TERM);
    assert_eq!(code, Some(75), "{told}");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let state = place.json("out/checkpoint-3/trainer_state.json");
    assert_eq!((&state["global_step"], &state["evaluation_is_due"]), (&3.into(), &true.into()));
    assert!(metrics(&place.path("out"), "evaluation").is_empty());
}

/// Two ranks that meet over TCP, as `srun` starts them, each with its own arguments. They wait for rows
/// of `rows.tsv` that never come. Nothing where that is impossible.
fn two_ranks(
    place: &Workplace,
    port: u16,
    arguments: [Vec<String>; 2],
) -> Option<[std::process::Child; 2]> {
    let start = |rank: usize| {
        let mut command = waiting_for("rows.tsv", place.trainer(&arguments[rank]))?;
        command.env("RANK", rank.to_string()).env("LOCAL_RANK", rank.to_string());
        command.env("WORLD_SIZE", "2").env("MASTER_ADDR", "127.0.0.1");
        Some(command.env("MASTER_PORT", port.to_string()).spawn().unwrap())
    };
    Some([start(0)?, start(1)?])
}

/// `srun` ends with the highest code of its ranks, so a fault in one rank's data is that of all.
#[test]
fn a_data_fault_of_one_rank_ends_all_with_its_code_even_when_they_are_told_to_end() {
    for is_told in [false, true] {
        let place = Workplace::new();
        let held = file_of_rows(&place);
        let run = |rows: &str| {
            let fixed = ["train", "--model", "builtin:tiny", "--device", "cpu", "--train-file"];
            fixed
                .iter()
                .chain(&[rows, "--output-dir", "out"])
                .map(|word| word.to_string())
                .collect()
        };
        let port = free_port();
        let ranks = two_ranks(&place, port, [run(&held), run("nowhere.tsv")]);
        let Some([waits, fails]) = ranks else { return };
        let output = fails.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        if is_told {
            // As `srun --kill-on-bad-exit=1` does.
            let _ = kill_process(Pid::from_child(&waits), Signal::TERM);
        }
        let output = waits.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "told to end: {is_told}; {told}");
    }
}

#[test]
fn a_signal_to_one_rank_before_the_first_update_ends_all_with_75() {
    let place = Workplace::new();
    let rows = file_of_rows(&place);
    let run = ["train", "--model", "builtin:tiny", "--device", "cpu", "--train-file", &rows];
    let run: Vec<String> =
        run.iter().chain(&["--output-dir", "out"]).map(|word| word.to_string()).collect();
    let ranks = two_ranks(&place, free_port(), [run.clone(), run]);
    let Some([other, told]) = ranks else { return };
    let patience = Instant::now() + Duration::from_secs(60);
    while !place.path("out/run.lock").exists() {
        assert!(Instant::now() < patience, "the ranks did not meet");
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(500));
    let (code, words) = ends_with(told, Signal::USR1);
    assert_eq!(code, Some(75), "{words}");
    let output = other.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", String::from_utf8_lossy(&output.stderr));
}
