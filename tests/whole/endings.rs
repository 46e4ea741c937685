//! How runs end: with the best weights, early, and what a resume makes of it.

use std::fs;

use lockstep_testkit::reference;

use crate::program::{Workplace, tiny_run};

/// Flags of a run that is evaluated every five updates.
fn evaluated<'a>(rows: &'a str, further: &[&'a str]) -> Vec<String> {
    let fixed = ["--validation-file", rows, "--eval-strategy", "steps", "--eval-steps", "5"];
    tiny_run("tiny", &[&fixed[..], &["--save-strategy", "steps"], further].concat())
}

fn rows() -> String {
    reference("golden/rows.tsv").canonicalize().unwrap().display().to_string()
}

#[test]
fn the_best_weights_are_there_although_checkpoints_are_rarer_than_evaluations() {
    let (place, rows) = (Workplace::new(), rows());
    let rare = ["--save-steps", "10", "--max-steps", "45", "--load-best-model-at-end"];
    place.succeed(&evaluated(&rows, &[&rare[..], &["--learning-rate", "3e-3"]].concat()));
    let accuracies = place.metrics("out", "evaluation").into_iter();
    let best = accuracies.filter_map(|line| line["accuracy"].as_f64()).fold(0.0, f64::max);
    assert_eq!(place.json("out/all_results.json")["eval_accuracy"], best);
    let output = place.succeed(&["evaluate", "--checkpoint", "out", "--data", &rows, "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["accuracy"], best);
}

#[test]
fn a_run_that_ended_early_stays_ended() {
    let (place, rows) = (Workplace::new(), rows());
    let still = ["--save-steps", "5", "--max-steps", "45", "--early-stopping-patience", "1"];
    let still = [&still[..], &["--learning-rate", "1e-9", "--head-learning-rate", "1e-9"]].concat();
    place.succeed(&evaluated(&rows, &still));
    let weights = || fs::read(place.path("out/model.safetensors")).unwrap();
    let before = weights();
    assert_eq!(place.metrics("out", "update").len(), 10);
    place.succeed(&evaluated(&rows, &[&still[..], &["--resume", "auto"]].concat()));
    assert_eq!(place.metrics("out", "update").len(), 10);
    assert!(weights() == before, "a finished run trained on");
}

#[test]
fn another_way_to_sum_is_another_run() {
    let place = Workplace::new();
    let run = ["--max-steps", "4", "--save-strategy", "steps", "--save-steps", "2"];
    place.succeed(&tiny_run("tiny", &run));
    let split =
        ["--resume", "auto", "--global-batch-size", "16", "--gradient-accumulation-steps", "4"];
    let output = place.trainer(&tiny_run("tiny", &[&run[..], &split].concat())).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{message}");
    assert!(message.contains("gradient_accumulation_steps: 4 now, 1 there"), "{message}");
}
