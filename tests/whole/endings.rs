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
    assert!(
        message.contains("gradient_accumulation_steps: now 4, in the checkpoint 1"),
        "{message}"
    );
}

/// Resumes with one flag changed; returns the warnings.
fn goes_on(place: &Workplace, arguments: &[String]) -> String {
    let output = place.succeed(arguments);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_best_score_on_other_validation_data_is_not_believed() {
    let (place, rows) = (Workplace::new(), rows());
    let run = ["--save-steps", "5", "--max-steps", "20", "--load-best-model-at-end"];
    let run = [&run[..], &["--learning-rate", "1e-3"]].concat();
    place.succeed(&evaluated(&rows, &run));
    std::fs::remove_dir_all(place.path("out/checkpoint-20")).unwrap();
    std::fs::remove_dir_all(place.path("out/checkpoint-15")).unwrap();
    // The same rows with other labels for half of them: nothing is as good as it was.
    let text = fs::read_to_string(&rows).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let shuffled: Vec<String> = lines[1..]
        .windows(2)
        .map(|pair| {
            let text = pair[0].split_once('\t').unwrap().0;
            format!("{text}\t{}", pair[1].split_once('\t').unwrap().1)
        })
        .collect();
    let other = place.path("other.tsv").display().to_string();
    fs::write(&other, format!("{}\n{}\n", lines[0], shuffled.join("\n"))).unwrap();
    let resumed = evaluated(&other, &[&run[..], &["--resume", "auto"]].concat());
    let told = goes_on(&place, &resumed);
    assert!(
        told.contains("other.tsv is not the validation set that the checkpoint was evaluated on"),
        "{told}"
    );
    let state = place.json("out/trainer_state.json");
    let found = place.json("out/all_results.json")["eval_accuracy"].as_f64().unwrap();
    assert_eq!(state["best_metric"].as_f64(), Some(found), "{state}");
    // Unchanged data: no word, and the state stays.
    let told = goes_on(&place, &resumed);
    assert!(!told.contains("evaluated on"), "{told}");
}

#[test]
fn a_run_goes_on_without_a_best_checkpoint_that_is_gone() {
    let (place, rows) = (Workplace::new(), rows());
    let run = ["--save-steps", "5", "--max-steps", "45", "--load-best-model-at-end"];
    // Nothing is learned, so the first evaluation stays the best.
    let still = ["--learning-rate", "1e-9", "--head-learning-rate", "1e-9"];
    let run = [&run[..], &still].concat();
    place.succeed(&evaluated(&rows, &run));
    let best = |place: &Workplace| {
        let state = place.json("out/trainer_state.json");
        state["best_global_step"].as_u64().unwrap()
    };
    let gone = best(&place);
    assert_ne!(gone, 45, "the test needs a best step before the last");
    fs::remove_dir_all(place.path(&format!("out/checkpoint-{gone}"))).unwrap();
    let told = goes_on(&place, &evaluated(&rows, &[&run[..], &["--resume", "auto"]].concat()));
    assert!(told.contains(&format!("checkpoint-{gone}, the best checkpoint so far")), "{told}");
    assert_eq!(best(&place), 45);
}
