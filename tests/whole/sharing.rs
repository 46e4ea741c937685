//! What a run finds in its directory and on its disk: another run, a finished model, no room.

use std::fs;
use std::process::Command;

use lockstep_testkit::{reference, skip};

use crate::lost_ranks::wait_for_updates;
use crate::program::{Workplace, tiny_run};

#[test]
fn a_second_run_in_a_directory_is_refused_and_the_first_is_named() {
    let place = Workplace::new();
    let long = ["--num-train-epochs", "100000", "--save-strategy", "no"];
    let mut first = place.trainer(&tiny_run("tiny", &long)).spawn().unwrap();
    wait_for_updates(&place, 1);
    for how in [&["--resume", "auto"][..], &["--overwrite-output-dir"], &[]] {
        let second = place.trainer(&tiny_run("tiny", how)).output().unwrap();
        let told = String::from_utf8_lossy(&second.stderr);
        assert_eq!(second.status.code(), Some(2), "{how:?}: {told}");
        let named = format!("another run is writing to this directory: process {} on ", first.id());
        assert!(told.contains(&named), "{how:?}: {told}");
    }
    let run = fs::read_to_string(place.path("out/run.toml")).unwrap();
    assert!(run.contains("num_train_epochs = 100000"), "{run}");
    // Killed without a chance to clear up: the kernel lets go of the lock.
    first.kill().unwrap();
    first.wait().unwrap();
    let short = ["--max-steps", "2", "--overwrite-output-dir"];
    place.succeed(&tiny_run("tiny", &short));
    assert!(!place.path("out/run.lock").exists());
}

#[test]
fn a_finished_model_without_checkpoints_is_not_trained_over() {
    let place = Workplace::new();
    let run = ["--max-steps", "4", "--save-strategy", "no"];
    place.succeed(&tiny_run("tiny", &run));
    let weights = || fs::read(place.path("out/model.safetensors")).unwrap();
    let before = weights();
    let again = [&run[..], &["--seed", "7", "--resume", "auto"]].concat();
    let output = place.trainer(&tiny_run("tiny", &again)).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("holds a finished model"), "{told}");
    assert!(weights() == before, "a finished model was replaced");
}

/// The trainer with its output in a file system of so many KiB, where one can be had.
fn on_a_small_disk(place: &Workplace, size: usize, further: &[&str]) -> Option<Command> {
    fs::create_dir_all(place.path("out")).unwrap();
    let mount = format!("mount -t tmpfs -o size={size}k tmpfs out");
    let words = tiny_run("tiny", further).join(" ");
    let trainer = env!("CARGO_BIN_EXE_trainer");
    let line = format!(
        "{mount} && {{ {trainer} {words}; code=$?; ls out > left; cp out/metrics.jsonl .; exit $code; }}"
    );
    let shell = |line: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", line]);
        command.current_dir(place.path(""));
        command
    };
    let can_mount = shell(&mount).output().is_ok_and(|output| output.status.success());
    if !can_mount {
        skip("no file system can be mounted here");
    }
    can_mount.then(|| shell(&line))
}

/// KiB of a checkpoint of the tiny model.
fn size_of_a_checkpoint() -> usize {
    let place = Workplace::new();
    place.succeed(&tiny_run("tiny", &["--max-steps", "2"]));
    let files = fs::read_dir(place.path("out/checkpoint-2")).unwrap().flatten();
    let pages = files.map(|file| file.metadata().unwrap().len().div_ceil(4096));
    usize::try_from(4 * pages.sum::<u64>()).unwrap()
}

#[test]
fn a_full_disk_is_no_unreadable_checkpoint_and_a_limit_of_one_needs_no_room_for_two() {
    let size = size_of_a_checkpoint();
    let steps = ["--max-steps", "6", "--save-strategy", "steps", "--save-steps", "2"];
    let place = Workplace::new();
    let Some(mut command) = on_a_small_disk(&place, size * 3 / 2, &steps) else { return };
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("3 checkpoints") && told.contains("are free on this disk"), "{told}");
    // A run that may end early is only warned.
    let place = Workplace::new();
    let early = ["--early-stopping-patience", "9", "--eval-strategy", "steps", "--eval-steps", "6"];
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let early = [&steps[..], &early, &["--validation-file", &rows]].concat();
    let Some(mut command) = on_a_small_disk(&place, size * 3 / 2, &early) else { return };
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("No space left"), "{told}");
    let left = fs::read_to_string(place.path("left")).unwrap();
    assert!(left.contains("checkpoint-2\n") && !left.contains("checkpoint-4"), "{left}");
    // The final model beside it takes a third of a checkpoint.
    let place = Workplace::new();
    let limited = [&steps[..], &["--save-total-limit", "1"]].concat();
    let Some(mut command) = on_a_small_disk(&place, size * 7 / 4, &limited) else { return };
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let left = fs::read_to_string(place.path("left")).unwrap();
    assert!(left.contains("checkpoint-6\n") && !left.contains("checkpoint-4"), "{left}");
}
