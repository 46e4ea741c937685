//! From a trained model to answers: evaluate and predict agree with training and with PyTorch.

use std::io::Write;
use std::process::Stdio;

use lockstep_testkit::{golden_texts, reference};
use serde_json::Value;

use crate::program::{Workplace, tiny_run};

fn path(name: &str) -> String {
    reference(name).canonicalize().unwrap().display().to_string()
}

fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Answers to `input`, given on standard input, as JSON lines.
fn answers(checkpoint: &str, input: &[u8]) -> Vec<Value> {
    let place = Workplace::new();
    let arguments = ["predict", "--checkpoint", checkpoint, "--format", "jsonl"];
    let mut child = place.trainer(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    json_lines(&output.stdout)
}

#[test]
fn predicted_logits_are_pytorchs() {
    let texts = golden_texts();
    let input: String = texts.iter().map(|text| format!("{}\n", text.text)).collect();
    for (checkpoint, is_mlp) in [("tiny-mlp", true), ("tiny-hf", false)] {
        let answers = answers(&path(checkpoint), input.as_bytes());
        assert_eq!(answers.len(), texts.len());
        for (answer, text) in answers.iter().zip(&texts) {
            let golden = if is_mlp { &text.logits_mlp } else { &text.logits_hf };
            for (class, expected) in golden.iter().enumerate() {
                let found = answer["logits"][class].as_f64().unwrap();
                assert!((found - f64::from(*expected)).abs() < 2e-5, "{checkpoint}: {answer}");
            }
        }
    }
}

#[test]
fn a_bad_line_is_answered_with_an_error_and_the_rest_goes_on() {
    let input = b"a warm cat\n\n \t \nnot \xff utf8\nnul \0 byte\nthe last horse\n";
    let answers = answers(&path("tiny-mlp"), input);
    let lines: Vec<_> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6]);
    let failed: Vec<_> = answers.iter().map(|answer| answer["error"].is_string()).collect();
    assert_eq!(failed, [false, true, true, true, true, false]);
}

#[test]
fn evaluate_repeats_what_training_reported() {
    let place = Workplace::new();
    let rows = path("golden/rows.tsv");
    let validated =
        ["--validation-file", &rows, "--num-train-epochs", "2", "--learning-rate", "1e-3"];
    place.succeed(&tiny_run("tiny", &validated));
    let trained = place.metrics("out", "evaluation").pop().unwrap();
    let output = place.succeed(&["evaluate", "--checkpoint", "out", "--data", &rows, "--json"]);
    let evaluated: Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in ["loss", "accuracy", "f1", "mcc", "examples"] {
        assert_eq!(evaluated[key], trained[key], "{key}");
    }
    assert_eq!(place.json("out/all_results.json")["eval_accuracy"], trained["accuracy"]);
}

#[test]
fn bf16_trains_and_resumes_where_the_processor_has_it_and_is_refused_elsewhere() {
    let place = Workplace::new();
    let run = |precision: &str, more: &[&str]| {
        let saving = ["--max-steps", "20", "--save-strategy", "steps", "--save-steps", "10"];
        let words = [&["--precision", precision], &saving[..], more].concat();
        let output = place.trainer(&tiny_run("tiny", &words)).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, message) = run("bf16", &[]);
    if lockstep_model::Bf16::detect().is_none() {
        assert!(code == Some(4) && message.contains("pass --precision f32"), "{message}");
        return;
    }
    assert_eq!(code, Some(0), "{message}");
    let weights = || std::fs::read(place.path("out/model.safetensors")).unwrap();
    let whole = weights();
    let (code, message) = run("f32", &["--resume", "out/checkpoint-10"]);
    assert!(code == Some(6) && message.contains("precision"), "{message}");
    let (code, message) = run("bf16", &["--resume", "out/checkpoint-10"]);
    assert_eq!(code, Some(0), "{message}");
    assert!(weights() == whole, "a resumed run ends with the same bits");
}
