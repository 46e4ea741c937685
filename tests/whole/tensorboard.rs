//! What TensorBoard's own reader finds in our event files, where this machine has it: `build.rs`
//! looks, and `LOCKSTEP_PYTHON` names another Python for the build.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use lockstep_testkit::reference;
use serde_json::Value;

use crate::program::{Starter, Workplace, succeed, tiny_run};

/// The arguments of a run of 10 updates.
fn run(further: &[&str]) -> Vec<String> {
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let fixed = ["--max-steps", "10", "--learning-rate", "1e-3", "--validation-file", &rows];
    let cadence = ["--eval-strategy", "steps", "--eval-steps", "3", "--save-strategy", "steps"];
    let rest = ["--save-steps", "4", "--logging-steps", "2", "--device", "cpu"];
    let reports = ["--report-to", "jsonl,tensorboard"];
    tiny_run("tiny", &[&fixed[..], &cadence, &rest, &reports, further].concat())
}

/// The event files of a run, in the order of their names.
fn event_files(place: &Workplace) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.path("out")).unwrap().map(|entry| entry.unwrap().path());
    let is_events = |path: &PathBuf| path.to_str().unwrap().contains("/events.out.tfevents.");
    let mut files: Vec<_> = entries.filter(is_events).collect();
    files.sort();
    files
}

/// The points that TensorBoard shows: steps and values.
fn points(place: &Workplace, tag: &str) -> Vec<(u64, f64)> {
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/tensorboard_scalars.py");
    let mut command = Command::new(option_env!("LOCKSTEP_PYTHON").unwrap_or("python3"));
    command.arg(program).arg(place.path("out"));
    let told: Value = serde_json::from_slice(&succeed(command).stdout).unwrap();
    serde_json::from_value(told[tag].clone()).unwrap_or_default()
}

/// What `metrics.jsonl` says of the updates or evaluations that have a point.
fn expected(place: &Workplace, kind: &str, value: impl Fn(&Value) -> f64) -> Vec<(u64, f64)> {
    let lines = place.metrics("out", kind).into_iter();
    let points = lines.map(|line| (line["step"].as_u64().unwrap(), value(&line)));
    points.filter(|(step, _)| kind == "evaluation" || step % 2 == 0).collect()
}

/// Each point is there once, in order, with the value of the run that counts.
fn check(place: &Workplace, what: &str) {
    let check = |tag: &str, kind: &str, value: &dyn Fn(&Value) -> f64| {
        let (found, expected) = (points(place, tag), expected(place, kind, value));
        let steps = |points: &[(u64, f64)]| points.iter().map(|one| one.0).collect::<Vec<_>>();
        assert_eq!(steps(&found), steps(&expected), "{what}: {tag}");
        for (found, expected) in found.iter().zip(&expected) {
            let error = (found.1 - expected.1).abs();
            assert!(error <= 1e-6 * expected.1.abs(), "{what}: {tag} {found:?} {expected:?}");
        }
    };
    check("train/grad_norm", "update", &|line| line["grad_norm"].as_f64().unwrap());
    check("train/learning_rate", "update", &|line| line["lr"][0].as_f64().unwrap());
    check("train/epoch", "update", &|line| line["epoch"].as_f64().unwrap());
    check("eval/loss", "evaluation", &|line| line["loss"].as_f64().unwrap());
    check("eval/accuracy", "evaluation", &|line| line["accuracy"].as_f64().unwrap());
    assert_eq!(points(place, "train/loss").len(), 5, "{what}");
    assert_eq!(points(place, "train/train_loss").len(), 1, "{what}");
}

#[test]
#[cfg_attr(not(has_tensorboard), ignore = "no Python with tensorboard: LOCKSTEP_PYTHON")]
fn tensorboard_shows_each_update_once_after_a_resume_and_a_torn_record() {
    let place = Workplace::new();
    place.succeed(&run(&[]));
    check(&place, "whole");
    // In the middle of a record, behind a few whole ones.
    let first = event_files(&place).remove(0);
    let length = fs::metadata(&first).unwrap().len();
    OpenOptions::new().write(true).open(&first).unwrap().set_len(length - 400).unwrap();
    place.succeed(&run(&["--resume", "out/checkpoint-4"]));
    check(&place, "resumed");
    place.succeed(&run(&["--resume", "out/checkpoint-8"]));
    check(&place, "resumed twice");
    assert_eq!(event_files(&place).len(), 3);
    place.succeed(&run(&["--overwrite-output-dir"]));
    assert_eq!(event_files(&place).len(), 1);
    check(&place, "replaced");
}

#[test]
fn only_rank_0_writes_events() {
    let place = Workplace::new();
    succeed(place.ranks(Starter::Launcher, 2, &run(&[])).unwrap());
    assert_eq!(event_files(&place).len(), 1);
}
