//! What Python makes of what we wrote, where this machine has a Python with torch and transformers:
//! `build.rs` looks, and `LOCKSTEP_PYTHON` names another one for the build.

use std::fs;
use std::path::Path;
use std::process::Command;

use lockstep_testkit::golden_texts;

use crate::program::{Workplace, succeed, tiny_run};

/// A trained model, texts, and our answers to them.
fn answered(place: &Workplace, head: &str) {
    let short = ["--max-steps", "8", "--learning-rate", "1e-3", "--head-learning-rate", "1e-2"];
    place.succeed(&tiny_run("tiny", &[&["--head", head], &short[..]].concat()));
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
