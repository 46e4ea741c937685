//! The whole program against PyTorch's forty updates.

use lockstep_testkit::golden_trace;
use serde_json::Value;

use crate::program::{Workplace, tiny_run};

const EXACT: [&str; 10] = [
    "--no-shuffle",
    "--max-steps",
    "40",
    "--dropout",
    "0",
    "--attention-dropout",
    "0",
    "--head-dropout",
    "0",
    "--save-strategy=no",
];

fn check(model: &str, run: &str, further: &[&str]) {
    let place = Workplace::new();
    place.succeed(&tiny_run(model, &[&EXACT, further].concat()));
    let updates = place.metrics("out", "update");
    let golden = golden_trace(run);
    assert_eq!(updates.len(), golden.len(), "{run}");
    for (found, expected) in updates.iter().zip(&golden) {
        let number = |value: &Value| value.as_f64().unwrap();
        let at = format!("{run}: {found} and not {expected:?}");
        assert_eq!(found["step"], expected.step, "{at}");
        assert_eq!(found["tokens"], expected.tokens, "{at}");
        assert!((number(&found["loss"]) - expected.loss).abs() < 1e-4, "{at}");
        assert!((number(&found["grad_norm"]) / expected.grad_norm - 1.0).abs() < 1e-3, "{at}");
        for group in 0..2 {
            let rate = number(&found["lr"][group]);
            assert!((rate - expected.lr[group]).abs() < 1e-12, "{at}");
        }
    }
}

#[test]
fn the_program_repeats_pytorchs_updates() {
    let fast = ["--learning-rate", "1e-3", "--head-learning-rate", "5e-3"];
    check("tiny-mlp", "recipe", &[]);
    check("tiny-mlp", "fast", &fast);
    check("tiny-hf", "hf", &[&fast[..], &["--head", "hf"]].concat());
}
