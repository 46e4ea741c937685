//! What Python makes of what we wrote, where this machine has a Python with torch and transformers:
//! `build.rs` looks, and `LOCKSTEP_PYTHON` names another one for the build.

use std::fs;
use std::path::Path;
use std::process::Command;

use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, Input, Mode, ModelRequest};
use lockstep_testkit::{family_texts, golden_texts, reference};
use lockstep_world::Seed;
use serde_json::{Value, json};

use crate::commands::save_fresh;
use crate::program::{Workplace, succeed, tiny_run};

/// A trained model, texts, and our answers to them.
fn answered(place: &Workplace, head: &str) {
    answered_from(place, head, "tiny");
}

/// The same from another model than the tiny DistilBERT.
fn answered_from(place: &Workplace, head: &str, model: &str) {
    let short = ["--max-steps", "8", "--learning-rate", "1e-3", "--head-learning-rate", "1e-2"];
    place.succeed(&tiny_run(model, &[&["--head", head], &short[..]].concat()));
    let texts = golden_texts().into_iter().map(|text| text.text.replace(char::is_control, " "));
    let texts: Vec<String> = texts.filter(|text| !text.trim().is_empty()).collect();
    // One is cut in training, and so in Python.
    let long = "a warm cat ".repeat(60);
    fs::write(place.path("texts.txt"), format!("{}\n{long}\n", texts.join("\n"))).unwrap();
    let words = ["predict", "--checkpoint", "out", "--input", "texts.txt", "--format", "jsonl"];
    place.succeed(&[&words[..], &["--output", "answers.jsonl"]].concat());
}

fn in_python(place: &Workplace, check: &str, further: &[&str]) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/in_python.py");
    let mut command = Command::new(option_env!("LOCKSTEP_PYTHON").unwrap_or("python3"));
    command.arg(program).arg(check).args(further).current_dir(place.path(""));
    for (flag, name) in
        [("--checkpoint", "out"), ("--input", "texts.txt"), ("--predictions", "answers.jsonl")]
    {
        command.arg(flag).arg(place.path(name));
    }
    command.env("HF_HUB_OFFLINE", "1").env("HF_HOME", place.path("home"));
    println!("{}", String::from_utf8_lossy(&succeed(command).stdout));
}

#[test]
#[cfg_attr(not(has_python), ignore = "no Python with torch and transformers: LOCKSTEP_PYTHON")]
fn the_cards_pipeline_gives_our_scores_and_nothing_is_loaded_at_random() {
    for head in ["mlp", "hf"] {
        let place = Workplace::new();
        answered(&place, head);
        in_python(&place, "pipeline", &[]);
    }
}

#[test]
#[cfg_attr(not(has_python), ignore = "no Python with torch and transformers: LOCKSTEP_PYTHON")]
fn the_code_in_the_guide_gives_our_scores() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide.md");
    for head in ["mlp", "hf"] {
        let place = Workplace::new();
        answered(&place, head);
        in_python(&place, "document", &["--document", &guide.display().to_string()]);
    }
}

/// A directory with a fresh model of a family, as Python would save it, and its tokenizer.
fn fresh(place: &Workplace, model_type: &str) {
    let is_roberta = model_type == "roberta";
    let config = json!({
        "model_type": model_type, "hidden_act": "gelu", "num_hidden_layers": 2, "hidden_size": 32,
        "vocab_size": if is_roberta { 421 } else { 297 }, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": if is_roberta { 130 } else { 128 },
        "layer_norm_eps": if is_roberta { 1e-5 } else { 1e-12 }, "initializer_range": 0.2,
    });
    let config = EncoderConfig::of(config.as_object().unwrap().clone()).unwrap();
    let directory = place.path("fresh");
    save_fresh(config, &directory);
    let tokenizer = if is_roberta {
        let golden = "crates/data/tests/data/golden/byte_level.json";
        let golden =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(golden)).unwrap();
        let golden: Value = serde_json::from_str(&golden).unwrap();
        golden["variants"][0]["files"]["tokenizer.json"].as_str().unwrap().to_owned()
    } else {
        fs::read_to_string(reference("tiny-hf/tokenizer.json")).unwrap()
    };
    fs::write(directory.join("tokenizer.json"), tokenizer).unwrap();
}

#[test]
#[cfg_attr(not(has_python), ignore = "no Python with torch and transformers: LOCKSTEP_PYTHON")]
fn bert_and_roberta_give_our_scores_in_python() {
    for model_type in ["bert", "roberta"] {
        for head in ["mlp", "hf"] {
            let place = Workplace::new();
            fresh(&place, model_type);
            answered_from(&place, head, &place.path("fresh").display().to_string());
            in_python(&place, "pipeline", &[]);
        }
    }
}

/// What transformers answers with a model that we saved, and that it found each tensor in its place.
fn answers_of_transformers(directory: &Path) -> Vec<Vec<f32>> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/families.py");
    let mut command = Command::new(option_env!("LOCKSTEP_PYTHON").unwrap_or("python3"));
    command.arg(program).arg("check").arg(directory).env("HF_HUB_OFFLINE", "1");
    command.env("HF_HOME", directory.join("home"));
    let told: Value = serde_json::from_slice(&succeed(command).stdout).unwrap();
    assert_eq!(told["made_up"], json!([]), "{told}");
    serde_json::from_value(told["logits"].clone()).unwrap()
}

fn ours(model: &Classifier, ids: &[u32]) -> Vec<f32> {
    let positions: Vec<u32> = (0..).take(ids.len()).collect();
    let input = Input {
        ids,
        positions: &positions,
        token_types: &[],
        offsets: &[0, ids.len()],
        examples: &[0],
    };
    model.logits(&input, Mode::Evaluate).unwrap().values().unwrap().remove(0)
}

/// Their token types are not zero, so that the sum with the positions and its place in the file matter.
#[test]
#[cfg_attr(not(has_python), ignore = "no Python with torch and transformers: LOCKSTEP_PYTHON")]
fn saved_encoders_of_each_family_give_our_logits_in_transformers() {
    for family in ["bert", "roberta"] {
        for head in [HeadKind::Mlp, HeadKind::Hf] {
            let request = ModelRequest {
                head,
                labels: ["calm", "glad", "sad"].map(str::to_owned).to_vec(),
                dropouts: Dropouts::default(),
                seed: Seed(3),
                device: candle_core::Device::Cpu,
            };
            let from = reference(&format!("families/{family}"));
            let (model, _) = Classifier::load(&from, &request).unwrap();
            let folder = tempfile::tempdir().unwrap();
            model.save(folder.path()).unwrap();
            let theirs = answers_of_transformers(folder.path());
            for (text, theirs) in family_texts(family).iter().zip(theirs) {
                for (ours, theirs) in ours(&model, &text.ids).iter().zip(theirs) {
                    assert!((ours - theirs).abs() < 1e-5, "{family}: {ours} and {theirs}");
                }
            }
        }
    }
}
