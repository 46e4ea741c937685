//! From a trained model to answers: evaluate and predict agree with training and with PyTorch.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelRequest};
use lockstep_testkit::{golden_texts, reference};
use lockstep_world::Seed;
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
        lockstep_testkit::skip("this processor has no AVX512-BF16");
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

/// A fresh classifier of three classes in a new directory, without a tokenizer.
pub(crate) fn save_fresh(config: EncoderConfig, directory: &Path) {
    let request = ModelRequest {
        head: HeadKind::Hf,
        labels: ["calm", "glad", "sad"].map(str::to_owned).to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(3),
        device: candle_core::Device::Cpu,
    };
    fs::create_dir(directory).unwrap();
    Classifier::fresh(config, &request).unwrap().save(directory).unwrap();
}

/// A classifier with 512 positions as Python saves it: without a word of ours.
fn pythons_model(directory: &Path, model_max_length: &str) {
    let config = serde_json::json!({
        "model_type": "distilbert", "architectures": ["DistilBertForSequenceClassification"],
        "activation": "gelu", "vocab_size": 297, "n_layers": 2, "max_position_embeddings": 512,
        "dim": 32, "n_heads": 4, "hidden_dim": 64,
    });
    let config = EncoderConfig::of(config.as_object().unwrap().clone()).unwrap();
    save_fresh(config, directory);
    fs::copy(reference("tiny-hf/tokenizer.json"), directory.join("tokenizer.json")).unwrap();
    let tokenizer = format!("{{\"model_max_length\": {model_max_length}}}");
    fs::write(directory.join("tokenizer_config.json"), tokenizer).unwrap();
}

/// What two texts that differ behind token 150 are answered, and how many texts were cut.
fn long_answers(place: &Workplace, checkpoint: &str, further: &[&str]) -> ([Value; 2], String) {
    let text = |end: &str| format!("{}{end}\n", "a warm cat ".repeat(50));
    fs::write(place.path("long.txt"), text("sad sad sad") + &text("the last horse")).unwrap();
    let fixed = ["predict", "--checkpoint", checkpoint, "--input", "long.txt"];
    let output = place.succeed(&[&fixed[..], &["--format", "jsonl"], further].concat());
    let [first, second] = json_lines(&output.stdout).try_into().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    ([first["logits"].clone(), second["logits"].clone()], told)
}

#[test]
fn a_model_of_pythons_reads_as_far_as_it_can_and_one_of_ours_as_far_as_it_learned() {
    let place = Workplace::new();
    for (name, limit, cut) in [
        ("endless", "1000000000000000019884624838656", "0 of them truncated to 512 tokens"),
        ("wide", "1024", "0 of them truncated to 512 tokens"),
        ("narrow", "100", "2 of them truncated to 100 tokens"),
    ] {
        pythons_model(&place.path(name), limit);
        let ([first, second], told) = long_answers(&place, name, &[]);
        assert_eq!(first == second, name == "narrow", "{name}: {first} {second}");
        assert!(told.contains(cut), "{name}: {told}");
        let (at_512, _) = long_answers(&place, name, &["--max-seq-length", "512"]);
        assert_ne!(at_512[0], at_512[1], "{name}");
        assert_eq!([&first, &second] == [&at_512[0], &at_512[1]], name != "narrow", "{name}");
    }
    // Trained at 120, as the model and each checkpoint remember wherever they are carried.
    let rows = path("golden/rows.tsv");
    let wide = place.path("wide").display().to_string();
    let run = ["train", "--model", &wide, "--train-file", &rows, "--max-seq-length", "120"];
    let end = ["--head", "hf", "--max-steps", "2", "--output-dir", "out"];
    place.succeed(&[&run[..], &end].concat());
    fs::rename(place.path("out/checkpoint-2"), place.path("carried")).unwrap();
    for model in ["out", "carried"] {
        let ([first, second], told) = long_answers(&place, model, &[]);
        assert!(
            first == second && told.contains("2 of them truncated to 120 tokens"),
            "{model}: {told}"
        );
    }
    let arguments = ["evaluate", "--checkpoint", "carried", "--data", &rows, "--json"];
    let found: Value = serde_json::from_slice(&place.succeed(&arguments).stdout).unwrap();
    assert_eq!(found["max_seq_length"], 120);
    assert!(found["truncated"].is_u64(), "{found}");
}
