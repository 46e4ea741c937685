//! One run, over MPI and over TCP: the same at any number of ranks.

use std::collections::BTreeMap;
use std::path::Path;

use lockstep_params::{ParamName, TensorFile};
use lockstep_testkit::real;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::program::{Starter, Workplace, metrics, succeed, tiny_run};

/// What a run left.
struct Run {
    updates: Vec<Value>,
    evaluation: Value,
    weights: BTreeMap<ParamName, Vec<f32>>,
}

/// A run on so many ranks, all replicas compared after every update.
fn run(starter: Starter, ranks: usize, arguments: &[String]) -> Option<Run> {
    let place = Workplace::new();
    let further = ["--device", "cpu", "--replica-check-steps", "1", "--output-dir", "out"];
    let arguments: Vec<String> =
        arguments.iter().cloned().chain(further.map(str::to_owned)).collect();
    succeed(place.ranks(starter, ranks, &arguments)?);
    Some(Run {
        updates: place.metrics("out", "update"),
        evaluation: place.metrics("out", "evaluation").pop().unwrap(),
        weights: weights(&place.path("out/model.safetensors")),
    })
}

fn weights(path: &Path) -> BTreeMap<ParamName, Vec<f32>> {
    let file = TensorFile::read(path).unwrap();
    let values = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
    file.iter().map(|(name, tensor)| (name.clone(), values(tensor))).collect()
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// Compares with the run of one rank: losses within 1e-5 of 20 updates and 1e-4 to the end, weights
/// within 1e-4, and the same counts in the evaluation. The keys' bias is left out: softmax is blind
/// to it, its exact gradient is zero, and AdamW walks on the noise of rounding.
fn check(alone: &Run, found: &Run, what: &str) {
    assert_eq!(found.updates.len(), alone.updates.len(), "{what}");
    for (found, expected) in found.updates.iter().zip(&alone.updates) {
        let [loss, wanted] = [found, expected].map(|line| line["loss"].as_f64().unwrap());
        let (step, off) = (found["step"].as_u64().unwrap(), (loss - wanted).abs() / wanted);
        assert!(off < if step <= 20 { 1e-5 } else { 1e-4 }, "{what}: update {step}: {off:.1e}");
        assert_eq!(found["tokens"], expected["tokens"], "{what}");
    }
    for (name, expected) in &alone.weights {
        let theirs = found.weights[name].iter().zip(expected);
        let off = norm(theirs.map(|(a, b)| a - b)) / norm(expected.iter().copied()).max(1e-12);
        assert!(name.as_str().contains("k_lin.bias") || off < 1e-4, "{what}: {name}: {off:.1e}");
    }
    for key in ["examples", "accuracy", "confusion"] {
        assert_eq!(found.evaluation[key], alone.evaluation[key], "{what}");
    }
}

fn check_all(starter: Starter, arguments: impl Fn(&str) -> Vec<String>) {
    for batch in ["16", "64"] {
        let arguments = arguments(batch);
        let Some(alone) = run(starter, 1, &arguments) else { return };
        for ranks in [2, 3, 4] {
            let found = run(starter, ranks, &arguments).unwrap();
            check(&alone, &found, &format!("{starter:?}, {ranks} ranks, batch {batch}"));
        }
    }
}

#[test]
fn a_run_is_the_same_on_any_number_of_processes() {
    let arguments = |batch: &str| {
        let rows = lockstep_testkit::reference("golden/rows.tsv").canonicalize().unwrap();
        let rows = rows.display().to_string();
        let further =
            ["--validation-file", &rows, "--max-steps", "30", "--global-batch-size", batch];
        tiny_run("tiny", &further)
    };
    check_all(Starter::Mpirun, arguments);
    check_all(Starter::Launcher, arguments);
}

#[test]
fn a_real_model_is_the_same_on_any_number_of_processes() {
    let files = ["models/minilm-distilbert", "data/sst2/train.tsv", "data/sst2/dev.tsv"].map(real);
    let [Some(model), Some(train), Some(dev)] = &files else { return };
    let [model, train, dev] = [model, train, dev].map(|path| path.display().to_string());
    check_all(Starter::Mpirun, |batch| {
        let words = [
            "train",
            "--model",
            &model,
            "--train-file",
            &train,
            "--validation-file",
            &dev,
            "--max-steps",
            "60",
            "--global-batch-size",
            batch,
        ];
        words.map(str::to_owned).to_vec()
    });
}

#[test]
fn without_a_gpu_one_process_trains_and_the_others_say_so() {
    let place = Workplace::new();
    let Some(command) = place.mpirun(4, &tiny_run("tiny", &["--max-steps", "5"])) else { return };
    let output = succeed(command);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let resting = told.lines().filter(|line| line.contains("rank 0 trains alone")).count();
    assert_eq!(resting, 3, "{told}");
    assert_eq!(place.metrics("out", "update").len(), 5);
}

#[test]
fn a_signal_to_one_rank_stops_all_with_a_checkpoint_and_more_ranks_go_on() {
    let run = [
        ["--device", "cpu"],
        ["--num-train-epochs", "60"],
        ["--save-strategy", "no"],
        ["--global-batch-size", "16"],
    ];
    let run = run.concat();
    let place = Workplace::new();
    let Some(mut command) = place.mpirun(3, &tiny_run("tiny", &run)) else { return };
    let child = command.spawn().unwrap();
    crate::lost_ranks::wait_for_updates(&place, 10);
    let rank = crate::lost_ranks::rank_of(&child, Starter::Mpirun, 1);
    kill_process(rank, Signal::USR1).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(75), "{told}");
    let stopped = metrics(&place.path("out"), "update").len();
    let resumed = tiny_run("tiny", &[&run[..], &["--resume", "auto"]].concat());
    succeed(place.mpirun(4, &resumed).unwrap());
    let steps: Vec<u64> =
        place.metrics("out", "update").iter().map(|line| line["step"].as_u64().unwrap()).collect();
    assert!(stopped < steps.len(), "it was over before the signal");
    assert!(steps.iter().copied().eq(1..=steps.len() as u64), "{steps:?}");
}
