//! The examples do what the programs do.

use lockstep_testkit::reference;

use crate::program::{Workplace, tiny_run};

#[expect(dead_code, reason = "the test calls what `main` calls")]
#[path = "../../examples/predict.rs"]
mod predict;
#[expect(dead_code, reason = "the test calls what `main` calls")]
#[path = "../../examples/train.rs"]
mod train;

const TEXTS: [&str; 3] = ["a warm and funny film", "it is dull", "not bad at all"];

/// The losses of the program `trainer` with the settings of the example.
fn losses_of_the_program(place: &Workplace) -> Vec<f64> {
    let recipe = ["--head", "hf", "--num-train-epochs", "3", "--global-batch-size", "16"];
    place.succeed(&tiny_run("tiny", &[&recipe[..], &["--save-strategy", "no"]].concat()));
    let updates = place.metrics("out", "update");
    updates.iter().map(|update| update["loss"].as_f64().unwrap()).collect()
}

/// The labels and probabilities that the program `trainer` gives.
fn answers_of_the_program(place: &Workplace, directory: &str) -> Vec<(String, f64)> {
    std::fs::write(place.path("texts"), TEXTS.join("\n")).unwrap();
    let words = ["predict", "--checkpoint", directory, "--input", "texts", "--output", "a.jsonl"];
    place.succeed(&words);
    let answers = std::fs::read_to_string(place.path("a.jsonl")).unwrap();
    let answer = |line: &str| {
        let answer: serde_json::Value = serde_json::from_str(line).unwrap();
        let label = answer["label"].as_str().unwrap().to_owned();
        let probability = answer["probabilities"][&label].as_f64().unwrap();
        (label, probability)
    };
    answers.lines().map(answer).collect()
}

#[test]
fn the_examples_train_and_predict_as_the_programs_do() {
    let place = Workplace::new();
    let output = place.path("example");
    let mut losses = Vec::new();
    let report = |_, loss| {
        losses.push(loss);
        Ok(())
    };
    train::train(&reference("tiny"), &reference("golden/rows.tsv"), &output, report).unwrap();
    let expected = losses_of_the_program(&place);
    assert!(losses.len() > 10, "{losses:?}");
    assert_eq!(losses.len(), expected.len());
    for (found, expected) in losses.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-6, "{losses:?} and not {expected:?}");
    }

    let answers = predict::predict(&output, &TEXTS.map(str::to_owned)).unwrap();
    let expected = answers_of_the_program(&place, "example");
    assert_eq!(answers.len(), expected.len());
    for (found, expected) in answers.iter().zip(&expected) {
        assert_eq!(found.0, expected.0);
        assert!((f64::from(found.1) - expected.1).abs() < 1e-5, "{found:?} and not {expected:?}");
    }
}
