//! A run that is killed and resumed ends with the bits of one that was left alone.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::program::{Workplace, metrics, tiny_run};

/// Dropout, shuffling, 13 updates an epoch, a checkpoint every four updates.
const RUN: [&str; 8] = [
    "--num-train-epochs",
    "8",
    "--learning-rate",
    "1e-3",
    "--save-strategy",
    "steps",
    "--save-steps",
    "4",
];

fn weights(place: &Workplace) -> Vec<u8> {
    fs::read(place.path("out/model.safetensors")).unwrap()
}

/// Starts a run, kills it with SIGKILL once it has reported `updates` updates, and resumes it.
fn killed_and_resumed(updates: usize) -> Vec<u8> {
    let place = Workplace::new();
    let mut child = place.trainer(&tiny_run("tiny", &RUN)).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    while metrics(&place.path("out"), "update").len() < updates {
        assert!(Instant::now() < patience, "no update number {updates} in two minutes");
        assert!(child.try_wait().unwrap().is_none(), "the run ended before update {updates}");
        sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("out/model.safetensors").exists(), "killed after the end");
    place.succeed(&tiny_run("tiny", &[&RUN[..], &["--resume", "auto"]].concat()));
    let steps: Vec<_> =
        place.metrics("out", "update").iter().map(|line| line["step"].as_u64()).collect();
    assert_eq!(steps, (1..=104).map(Some).collect::<Vec<_>>(), "each update is told once");
    weights(&place)
}

#[test]
fn killed_at_any_update_the_run_ends_with_the_same_bits() {
    let alone = Workplace::new();
    alone.succeed(&tiny_run("tiny", &RUN));
    let expected = weights(&alone);
    for updates in [1, 4, 5, 13, 30, 52, 77] {
        assert!(killed_and_resumed(updates) == expected, "killed at {updates}: other weights");
    }
}
