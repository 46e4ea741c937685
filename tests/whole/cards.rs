//! The model card and the history of a run, as other programs read them.

use std::fs;
use std::path::Path;
use std::process::Command;

use lockstep_testkit::reference;
use serde_json::Value;

use crate::program::{Workplace, succeed, tiny_run};

/// Names that mean something to YAML, Markdown and shells.
const DIRECTORY: &str = "out: \"x\" |`y` #1";
const CLASSES: [&str; 3] = ["a|b", "`c`", "- d: \"e\"\\"];

/// A run whose files and classes have such names.
fn hostile(place: &Workplace) {
    let rows: String = (0..30)
        .map(|row| format!("a warm cat {row}\t{}\n", CLASSES[row % 3].replace('"', "'")))
        .collect();
    fs::write(place.path("rows|`1`.tsv"), format!("text\tlabel\n{rows}")).unwrap();
    let model = reference("tiny").canonicalize().unwrap().display().to_string();
    fs::create_dir(place.path("base")).unwrap();
    for file in fs::read_dir(model).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, place.path("base").join(file.file_name().unwrap())).unwrap();
    }
    fs::write(place.path("base/README.md"), "---\nlicense: apache-2.0\n---\n# base\n").unwrap();
    place.succeed(&[
        "train",
        "--model",
        "base",
        "--train-file",
        "rows|`1`.tsv",
        "--validation-file",
        "rows|`1`.tsv",
        "--output-dir",
        DIRECTORY,
        "--max-steps",
        "5",
        "--logging-steps",
        "2",
    ]);
}

/// The blocks of a card in a language.
fn blocks(card: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = card.lines();
    while let Some(line) = lines.next() {
        let fence = line.trim_start_matches('`');
        if line.len() - fence.len() >= 3 && fence == language {
            let end = &line[..line.len() - fence.len()];
            found.push(
                lines.by_ref().take_while(|line| *line != end).collect::<Vec<_>>().join("\n"),
            );
        }
    }
    found
}

#[test]
fn the_cards_shell_command_answers() {
    let place = Workplace::new();
    hostile(&place);
    let card = fs::read_to_string(place.path(DIRECTORY).join("README.md")).unwrap();
    let commands = blocks(&card, "sh");
    assert_eq!(commands.len(), 1, "{card}");
    let trainer = Path::new(env!("CARGO_BIN_EXE_trainer")).parent().unwrap().display().to_string();
    let mut command = Command::new("sh");
    command.args(["-c", &commands[0]]).current_dir(place.path(""));
    command.env_clear().env("PATH", format!("{trainer}:/usr/bin:/bin"));
    let said = String::from_utf8(succeed(command).stdout).unwrap();
    assert!(CLASSES.iter().any(|class| said.contains(&class.replace('"', "'"))), "{said}");
    for line in
        ["| `train_file` | ``rows\\|`1`.tsv`` |", "- Effective batch: 16 examples an update"]
    {
        assert!(card.contains(line), "{line}: {card}");
    }
    assert!(card.contains("license: apache-2.0\n") && !card.contains("base_model"), "{card}");
}

/// What Python reads of a run.
fn read_by_python(directory: &Path) -> Value {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/read_run.py");
    let mut command = Command::new(option_env!("LOCKSTEP_PYTHON").unwrap_or("python3"));
    command.arg(program).arg(directory).env("HF_HUB_OFFLINE", "1");
    serde_json::from_slice(&succeed(command).stdout).unwrap()
}

#[test]
#[cfg_attr(not(has_pandas), ignore = "no Python with pandas and huggingface_hub: LOCKSTEP_PYTHON")]
fn the_hubs_library_reads_the_metadata_of_a_card() {
    let place = Workplace::new();
    hostile(&place);
    let read = read_by_python(&place.path(DIRECTORY));
    let results = place.json(&format!("{DIRECTORY}/all_results.json"));
    let card = &read["card"];
    assert_eq!(card["library_name"], "transformers");
    assert_eq!(card["license"], "apache-2.0");
    assert_eq!(card["model_name"], DIRECTORY);
    let found = read["results"].as_array().unwrap();
    assert_eq!(found.len(), 3, "{found:?}");
    let accuracy = results["eval_accuracy"].as_f64().unwrap();
    assert!((found[0]["value"].as_f64().unwrap() - accuracy).abs() < 1e-6);
    assert_eq!(found[0]["dataset_name"], "rows|`1`.tsv");
    assert_eq!(found[2]["type"], "matthews_correlation");
}

#[test]
#[cfg_attr(not(has_pandas), ignore = "no Python with pandas and huggingface_hub: LOCKSTEP_PYTHON")]
fn a_notebook_plots_the_history() {
    let place = Workplace::new();
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let words = ["--validation-file", &rows, "--max-steps", "7", "--logging-steps", "2"];
    let more = ["--logging-first-step", "--eval-strategy", "steps", "--eval-steps", "3"];
    place.succeed(&tiny_run("tiny", &[&words[..], &more].concat()));
    let read = &read_by_python(&place.path("out"))["history"];
    assert_eq!(read["training"]["step"], serde_json::json!([1, 2, 4, 6, 7]));
    assert_eq!(read["evaluation"]["step"], serde_json::json!([3, 6, 7]));
    let losses: Vec<f64> =
        place.metrics("out", "update").iter().map(|line| line["loss"].as_f64().unwrap()).collect();
    let of = |from: usize, to: usize| losses[from..to].iter().sum::<f64>() / (to - from) as f64;
    let expected = [of(0, 1), of(1, 2), of(2, 4), of(4, 6), of(6, 7)];
    let found: Vec<f64> = serde_json::from_value(read["training"]["loss"].clone()).unwrap();
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }
    for name in ["learning_rate", "grad_norm", "epoch"] {
        assert_eq!(read["training"][name].as_array().unwrap().len(), 5, "{name}");
    }
    assert!(read["end"]["train_loss"].is_number());
}
