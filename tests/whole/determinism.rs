//! Deterministic mode: the same bits on any number of ranks and threads, over TCP and MPI.
//!
//! `tests/determinism.sh` does the same with a real model.

use std::fs;

use serde_json::Value;

use crate::program::{Starter, Workplace, is_mpi_here, succeed};

/// A run of the small model that is built in, with dropout and clipping.
fn arguments(further: &[&str]) -> Vec<String> {
    let fixed = [
        "train",
        "--deterministic",
        "--model=builtin:tiny",
        "--train-file=builtin:reviews",
        "--validation-file=builtin:reviews",
        "--device=cpu",
        "--global-batch-size=13",
        "--max-steps=9",
        "--max-grad-norm=0.5",
        "--learning-rate=1e-3",
        "--eval-strategy=steps",
        "--eval-steps=3",
        "--save-strategy=steps",
        "--save-steps=3",
    ];
    fixed.iter().chain(further).map(|&word| word.to_owned()).collect()
}

/// What a run left: the bytes of its weights, and what its events said.
#[derive(PartialEq)]
struct Left {
    weights: Vec<u8>,
    events: Vec<Value>,
}

impl Left {
    fn of(place: &Workplace, output: &str) -> Self {
        let said = |line: Value| {
            ["step", "loss", "grad_norm", "accuracy", "tokens"].map(|key| line[key].clone()).into()
        };
        let kinds = ["update", "evaluation"].map(|kind| place.metrics(output, kind));
        Self {
            weights: fs::read(place.path(output).join("model.safetensors")).unwrap(),
            events: kinds.concat().into_iter().map(said).collect(),
        }
    }
}

fn run(place: &Workplace, (starter, ranks, threads): (Starter, usize, usize), further: &[&str]) {
    let mut command = place.ranks(starter, ranks, &arguments(further)).unwrap();
    command.env("RAYON_NUM_THREADS", threads.to_string());
    succeed(command);
}

#[test]
fn the_weights_depend_on_neither_ranks_nor_threads() {
    let left = |starter, ranks, threads| {
        let place = Workplace::new();
        run(&place, (starter, ranks, threads), &["--output-dir=out"]);
        Left::of(&place, "out")
    };
    let alone = left(Starter::Launcher, 1, 1);
    assert_eq!(alone.events.len(), 9 + 3);
    let mut others = vec![
        (Starter::Launcher, 1, 2),
        (Starter::Launcher, 2, 1),
        (Starter::Launcher, 3, 1),
        (Starter::Launcher, 4, 2),
    ];
    if is_mpi_here() {
        others.push((Starter::Mpirun, 2, 2));
    }
    for (starter, ranks, threads) in others {
        let found = left(starter, ranks, threads);
        let what = format!("{starter:?}, {ranks} ranks, {threads} threads");
        assert_eq!(found.events, alone.events, "{what}");
        assert!(found.weights == alone.weights, "{what}: other weights");
    }
}

#[test]
fn a_run_continues_on_fewer_ranks_with_the_same_weights() {
    let place = Workplace::new();
    let follow = |ranks: usize, output: &str, from: Option<&str>| {
        let output = format!("--output-dir={output}");
        let resume = format!("--resume={}", from.unwrap_or("never"));
        run(&place, (Starter::Launcher, ranks, 1), &[&output, &resume]);
    };
    follow(4, "four", None);
    follow(2, "two", Some("four/checkpoint-3"));
    follow(1, "one", Some("two/checkpoint-6"));
    let [four, two, one] = ["four", "two", "one"].map(|output| Left::of(&place, output));
    assert!(two.weights == four.weights && one.weights == four.weights, "other weights");
    assert_eq!(two.events[..6], four.events[3..9]);
    assert_eq!(one.events[..3], four.events[6..9]);
    let text = fs::read_to_string(place.path("one/run.toml")).unwrap();
    assert!(text.contains("deterministic = true"), "{text}");
}
