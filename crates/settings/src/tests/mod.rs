//! The configuration as a whole: what a command line stands for.

mod faults;
mod words;

use std::fs;

use lockstep_flags::Set;
use lockstep_optim::ScheduleShape;

use super::*;

const TRAIN: &str = "[data]\ntrain_file = \"a.tsv\"\n";

fn arguments(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn written(arguments: &[String]) -> Written {
    run_config(CommandLine::parse(arguments, keys::ALL, Set::Taken), keys::ALL)
}

/// Runs `line` where CONFIG stands for a file with `toml` in it.
fn plan(line: &str, toml: &str) -> Result<RunPlan, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.toml");
    fs::write(&file, toml).unwrap();
    let file = file.display().to_string();
    plan_of(written(&arguments(&line.replace("CONFIG", &file))))
        .map_err(|faults| faults.to_string().replace(&file, "my.toml"))
}

/// Checks one key of what a command line stands for.
fn check_value(line: &str, toml: &str, (key, expected): (&str, Option<&str>)) {
    let plan = plan(line, toml).unwrap();
    let settled = plan.settled.iter().find(|settled| settled.name == key);
    assert_eq!(settled.map(|settled| settled.text.as_str()), expected, "{line}: {key}");
}

#[test]
fn every_default_and_every_list_of_valid_values_is_right() {
    for entry in keys::ALL {
        assert!(entry.default().is_none_or(|text| entry.accepts(text)), "{}", entry.name());
        let placeholder = entry.placeholder();
        let listed = placeholder.split('|').filter(|word| *word == word.to_lowercase());
        for word in listed.filter(|word| !word.is_empty()) {
            assert!(entry.accepts(word), "{} = {word}", entry.name());
            assert!(entry.valid().contains(word), "{}: {word}", entry.name());
        }
    }
}

#[test]
fn every_schedule_is_a_value_of_its_key() {
    for shape in ScheduleShape::ALL {
        assert_eq!(keys::SCHEDULER.read(shape.name()), Some(*shape));
    }
    let faults = plan("CONFIG --lr-scheduler-type step", TRAIN).unwrap_err();
    for shape in ScheduleShape::ALL {
        assert!(faults.contains(shape.name()), "{shape:?}: {faults}");
    }
}

#[test]
fn the_later_layer_wins() {
    let toml = "[data]\ntrain_file = \"a.tsv\"\n[train]\nseed = 1\n";
    check_value("CONFIG", toml, ("seed", Some("1")));
    check_value("CONFIG --seed 2", toml, ("seed", Some("2")));
    check_value("--seed=2 CONFIG --set seed=3", toml, ("seed", Some("3")));
    check_value("--set train.seed=3 CONFIG --seed 2 --seed 4", toml, ("seed", Some("3")));
    check_value("CONFIG --max_steps 7", toml, ("max_steps", Some("7")));
    check_value("CONFIG --set run.output-dir=\"x\"", toml, ("output_dir", Some("x")));
}

#[test]
fn what_is_not_written_follows_from_the_rest() {
    let toml = "[data]\ntrain_file = \"a.tsv\"\n";
    check_value("CONFIG", toml, ("eval_strategy", Some("no")));
    check_value("CONFIG --validation-file b.tsv", toml, ("eval_strategy", Some("epoch")));
    check_value("CONFIG", toml, ("output_dir", Some("runs/my")));
    check_value("--train-file data/x.tsv", "", ("output_dir", Some("runs/x")));
    check_value("--train-file data/x.tsv", "", ("model", Some("distilbert-base-uncased")));
    check_value("CONFIG", toml, ("per_device_train_batch_size", Some("16")));
    check_value("CONFIG --global-batch-size 8", toml, ("per_device_train_batch_size", None));
    check_value("CONFIG --deterministic", toml, ("global_batch_size", Some("16")));
    check_value("CONFIG --deterministic", toml, ("per_device_train_batch_size", None));
    check_value("", "", ("model", Some("builtin:tiny")));
    check_value("--seed 7", "", ("output_dir", Some("runs/quickstart")));
}

#[test]
fn of_two_keys_that_exclude_each_other_the_later_word_counts() {
    let toml = "[data]\ntrain_file = \"a.tsv\"\nvalidation_file = \"b.tsv\"\n\
                [train]\neval_strategy = \"steps\"\neval_steps = 5\n\
                [optim]\nwarmup_ratio = 0.2\n[run]\noverwrite_output_dir = true\n";
    check_value("CONFIG --warmup-steps 3", toml, ("warmup_steps", Some("3")));
    check_value("CONFIG --warmup-steps 3 --set warmup_ratio=0.3", toml, ("warmup_steps", None));
    check_value("CONFIG --eval-strategy epoch", toml, ("eval_steps", None));
    check_value("CONFIG --resume auto", toml, ("overwrite_output_dir", Some("false")));
    check_value("--resume auto", "", ("overwrite_output_dir", Some("false")));
}

/// A configuration file in which every key stands, also those that are commented out.
fn with_all_keys(text: &str) -> toml::Table {
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_key = |line: &str| line.trim_start_matches(name).starts_with(" = ");
    let lines = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(key) if is_key(key) => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n").parse().unwrap_or_else(|fault| panic!("{fault}"))
}

#[test]
fn going_on_outweighs_the_flag_that_the_run_was_begun_with() {
    const TRAIN: &str = "[data]\ntrain_file = \"a.tsv\"\n";
    let replaces = "[data]\ntrain_file = \"a.tsv\"\n[run]\noverwrite_output_dir = true\n";
    let goes_on = "[data]\ntrain_file = \"a.tsv\"\n[run]\nresume = \"auto\"\n";
    let both = format!("{replaces}resume = \"auto\"\n");
    let check = |line: &str, toml: &str, is_replaced: bool| {
        let words = ["resume", "overwrite_output_dir"];
        let expected = if is_replaced { ["never", "true"] } else { ["auto", "false"] };
        for (word, expected) in words.into_iter().zip(expected) {
            check_value(line, toml, (word, Some(expected)));
        }
    };
    check("CONFIG --overwrite-output-dir --resume auto", TRAIN, false);
    check("CONFIG --resume auto --overwrite-output-dir", TRAIN, false);
    check("CONFIG --resume auto --set run.overwrite_output_dir=true", TRAIN, false);
    check("CONFIG --resume auto", replaces, false);
    check("CONFIG", &both, false);
    check("CONFIG --resume auto", &both, false);
    // What was written when nothing was to be replaced yet.
    check("CONFIG --overwrite-output-dir", goes_on, true);
    check("CONFIG --overwrite-output-dir --resume never", &both, true);
}

#[test]
fn configuration_files_of_the_project_are_complete_and_valid() {
    for name in ["quickstart", "sst2", "banking77"] {
        let path = format!("{}/../../configs/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        plan_of(written(std::slice::from_ref(&path))).unwrap_or_else(|faults| panic!("{faults}"));
        let tables = with_all_keys(&fs::read_to_string(path).unwrap());
        for entry in keys::ALL {
            let key =
                format!("{} in [{}] of configs/{name}.toml", entry.name(), entry.table().name());
            let value = tables[entry.table().name()].get(entry.name());
            match value.unwrap_or_else(|| panic!("there is no {key}")) {
                toml::Value::String(text) => assert!(entry.accepts(text), "{key}"),
                toml::Value::Array(_) => (),
                value => assert!(entry.accepts(&value.to_string()), "{key}"),
            }
        }
    }
}

#[test]
fn the_record_of_a_run_is_the_same_run_again() {
    let record = || Record {
        version: "1",
        world: 1,
        hosts: vec!["a\"b".into()],
        device: "cpu".into(),
        replacing_run: None,
    };
    let lines = [
        "",
        "--train-file a.tsv --max-steps 5 --warmup-steps 2 --learning-rate 1 --report-to none",
        "--train-file a.tsv --validation-file b.csv --eval-strategy steps --eval-steps 3",
        "--train-file a\"b\\.tsv --num-train-epochs .5 --adam-epsilon 1E-8",
    ];
    for line in lines {
        let first = plan(line, "").unwrap();
        let text = run_toml(&first, &record());
        let treats = |line: &str| line.starts_with("overwrite") || line.starts_with("resume");
        assert!(!text.lines().any(treats), "{text}");
        let second = plan("CONFIG", &text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        let [first, second] = [first, second].map(|plan| RunPlan {
            settled: Vec::new(),
            run: OutputPlan { existing: Existing::Refuse, ..plan.run },
            ..plan
        });
        assert_eq!(format!("{first:?}"), format!("{second:?}"), "{text}");
    }
}
