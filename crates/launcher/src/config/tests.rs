//! The configuration as a whole: what a command line stands for, and what is said of a faulty one.

use std::fs;

use expect_test::{Expect, expect};

use super::*;

fn arguments(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Runs `line` where CONFIG stands for a file with `toml` in it.
fn plan(line: &str, toml: &str) -> Result<RunPlan, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.toml");
    fs::write(&file, toml).unwrap();
    let file = file.display().to_string();
    run_plan(&arguments(&line.replace("CONFIG", &file)))
        .map_err(|faults| faults.to_string().replace(&file, "my.toml"))
}

fn check_faults(line: &str, toml: &str, expected: Expect) {
    expected.assert_eq(&plan(line, toml).unwrap_err());
}

/// Checks one key of what a command line stands for.
fn check_value(line: &str, toml: &str, (key, expected): (&str, Option<&str>)) {
    let plan = plan(line, toml).unwrap();
    let settled = plan.settled.iter().find(|settled| settled.name == key);
    assert_eq!(settled.map(|settled| settled.text.as_str()), expected, "{line}: {key}");
}

const TRAIN: &str = "[data]\ntrain_file = \"a.tsv\"\nvalidation_file = \"b.tsv\"\n";

#[test]
fn every_default_and_every_list_of_valid_values_is_right() {
    for entry in keys::ALL {
        assert!(entry.default().is_none_or(|text| entry.accepts(text)), "{}", entry.name());
        let listed = entry.placeholder().split('|').filter(|word| *word == word.to_lowercase());
        for word in listed.filter(|word| !word.is_empty()) {
            assert!(entry.accepts(word), "{} = {word}", entry.name());
            assert!(entry.valid().contains(word), "{}: {word}", entry.name());
        }
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

#[test]
fn all_faults_are_shown_together() {
    let toml = "seed = 4\n[data]\ntrain_file = \"a.tsv\"\nmax_seq_length = \"long\"\n\
                [optim]\nlerning_rate = 1e-4\nweight_decay = 7\nseed = 1\n[optimizer]\nx = 1\n";
    check_faults(
        "CONFIG --max-steps 0 --learning-rat 1 --head --set dropout=1 --set nothing=1 more",
        toml,
        expect![[r#"
            12 faults in the configuration:
              more
                  this word is one too many; one configuration file is enough
              my.toml:1: seed
                  this key belongs in the table [train]
              my.toml:4: data.max_seq_length = "long"
                  this is not a decimal number without quotes; valid: a whole number from 3 to 65536, [CLS] and [SEP] included
              my.toml:6: optim.lerning_rate
                  there is no such key; did you mean `learning_rate`?
              my.toml:7: optim.weight_decay = 7
                  this value is not valid; valid: a number from 0 to 1
              my.toml:8: optim.seed
                  this key belongs in the table [train]
              my.toml:9: optimizer
                  there is no such table; valid: model, data, train, optim, run
              --max-steps 0
                  this value is not valid; valid: a whole number from 1 to 1000000000
              --learning-rat
                  there is no such flag; did you mean `--learning-rate`?
              --head
                  the value is missing; valid: mlp or hf
              --set model.dropout=1
                  this value is not valid; valid: a number from 0 to below 1
              --set nothing=1
                  there is no such key; --help lists all keys"#]],
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault() {
    check_faults(
        "nowhere.toml --seed x",
        "",
        expect![[r#"
            2 faults in the configuration:
              nowhere.toml
                  cannot be read: No such file or directory (os error 2); name a TOML file, see configs/ for complete ones
              --seed x
                  this value is not valid; valid: a whole number, at least 0"#]],
    );
    check_faults(
        "CONFIG",
        "[data\ntrain_file = \"a.tsv\"\nx = = 3\n",
        expect![[r#"
            2 faults in the configuration:
              my.toml:1
                  this is not TOML: unclosed table, expected `]`
              my.toml:3
                  this is not TOML: extra `=`, expected nothing"#]],
    );
    check_faults(
        "CONFIG",
        "",
        expect![[r#"
        one fault in the configuration:
          data.train_file (--train-file)
              this is missing; valid: a .tsv, .csv or .jsonl file, or builtin:reviews"#]],
    );
}

#[test]
fn types_are_those_of_toml() {
    let toml = "[model]\nmodel = 5\nhead = [\"mlp\"]\n[data]\ntrain_file = \"\"\n\
                no_shuffle = \"yes\"\n[train]\nnum_train_epochs = \"3\"\nmax_steps = 0x10\n\
                seed = -1\n[run]\nreport_to = [1]\n";
    check_faults(
        "CONFIG",
        toml,
        expect![[r#"
            8 faults in the configuration:
              my.toml:2: model.model = 5
                  this is not a text in quotes; valid: a hub id such as distilbert-base-uncased, a directory, or builtin:tiny
              my.toml:3: model.head = ["mlp"]
                  this is not a text in quotes; valid: mlp or hf
              my.toml:5: data.train_file = ""
                  this value is not valid; valid: a .tsv, .csv or .jsonl file, or builtin:reviews
              my.toml:6: data.no_shuffle = "yes"
                  this is not true or false without quotes; valid: true or false
              my.toml:8: train.num_train_epochs = "3"
                  this is not a decimal number without quotes; valid: a number above 0, at most 1e9
              my.toml:9: train.max_steps = 0x10
                  this is not a decimal number without quotes; valid: a whole number from 1 to 1000000000
              my.toml:10: train.seed = -1
                  this value is not valid; valid: a whole number, at least 0
              my.toml:12: run.report_to = [1]
                  this is not a list of texts; valid: none, or a list of console, jsonl and tensorboard"#]],
    );
}

#[test]
fn keys_that_contradict_each_other_are_named_together() {
    let line = "CONFIG --per-device-train-batch-size 8";
    check_faults(
        line,
        &format!("{TRAIN}[train]\nglobal_batch_size = 32\n"),
        expect![[r#"
        one fault in the configuration:
          --per-device-train-batch-size 8
              this contradicts my.toml:5: train.global_batch_size = 32; give one of them; the global one stays the same at any number of ranks"#]],
    );
    check_faults(
        "CONFIG --resume auto --overwrite-output-dir",
        TRAIN,
        expect![[r#"
            one fault in the configuration:
              --resume auto
                  this contradicts --overwrite-output-dir; going on from a run and replacing it exclude each other"#]],
    );
    check_faults(
        "CONFIG --warmup-steps 3 --warmup-ratio 0.1",
        TRAIN,
        expect![[r#"
        one fault in the configuration:
          --warmup-ratio 0.1
              this contradicts --warmup-steps 3; give one of them"#]],
    );
    check_faults(
        "CONFIG --warmup-steps 30 --max-steps 20",
        TRAIN,
        expect![[r#"
        one fault in the configuration:
          --warmup-steps 30
              this contradicts --max-steps 20; the warm-up must end before the run does"#]],
    );
    check_faults(
        "CONFIG --global-batch-size 2 --gradient-accumulation-steps 4",
        TRAIN,
        expect![[r#"
        one fault in the configuration:
          --gradient-accumulation-steps 4
              this contradicts --global-batch-size 2; each pass needs an example"#]],
    );
}

#[test]
fn evaluation_and_saving_must_match_what_is_asked_of_them() {
    check_faults(
        "CONFIG --load-best-model-at-end --save-strategy no",
        TRAIN,
        expect![[r#"
            one fault in the configuration:
              --load-best-model-at-end
                  this contradicts --save-strategy no; save as often as it is evaluated, or after a multiple of eval_steps"#]],
    );
    check_faults(
        "CONFIG --load-best-model-at-end --eval-strategy steps --eval-steps 4 \
         --save-strategy steps --save-steps 6",
        TRAIN,
        expect![[r#"
            one fault in the configuration:
              --load-best-model-at-end
                  this contradicts --save-strategy steps; save as often as it is evaluated, or after a multiple of eval_steps"#]],
    );
    check_faults(
        "CONFIG --early-stopping-patience 2 --eval-strategy no",
        TRAIN,
        expect![[r#"
            one fault in the configuration:
              --early-stopping-patience 2
                  this contradicts --eval-strategy no; let it evaluate each epoch or so many steps"#]],
    );
    check_faults(
        "CONFIG --eval-strategy steps --save-steps 3",
        TRAIN,
        expect![[r#"
            2 faults in the configuration:
              --eval-strategy steps
                  this needs the number of updates in between; give it, such as 500
              --save-steps 3
                  this needs the strategy steps; give it too"#]],
    );
    let line = "--train-file a.tsv --eval-strategy epoch --load-best-model-at-end";
    check_faults(
        line,
        "",
        expect![[r#"
            2 faults in the configuration:
              --eval-strategy epoch
                  this needs a validation file; give one, or do without
              --load-best-model-at-end
                  this needs a validation file; give one, or do without"#]],
    );
}

#[test]
fn what_is_not_there_yet_says_what_is() {
    let line = "--train-file a.parquet --test-file hub:glue:sst2:test --report-to tensorboard";
    check_faults(
        line,
        "",
        expect![[r#"
            3 faults in the configuration:
              --train-file a.parquet
                  this version does not have Parquet files yet; write it to a .tsv, .csv or .jsonl file, with pandas for example: frame.to_csv("train.csv", index=False)
              --test-file hub:glue:sst2:test
                  this version does not have data sets from the hub yet; write it to a .tsv, .csv or .jsonl file, with pandas for example: frame.to_csv("train.csv", index=False)
              --report-to tensorboard
                  this version does not have TensorBoard's event files yet; console and jsonl work, and metrics.jsonl has every number"#]],
    );
}

#[test]
fn configuration_files_of_the_project_are_complete_and_valid() {
    for name in ["quickstart", "sst2", "banking77"] {
        let path = format!("{}/../../configs/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        run_plan(&[path.clone()]).unwrap_or_else(|faults| panic!("{faults}"));
        let text = fs::read_to_string(path).unwrap();
        for entry in keys::ALL {
            let has = text.lines().any(|line| line.contains(entry.name()));
            assert!(has, "configs/{name}.toml lacks {}", entry.name());
        }
    }
}

#[test]
fn the_record_of_a_run_is_the_same_run_again() {
    let record =
        || Record { version: "1", world: 1, hosts: vec!["a\"b".into()], device: "cpu".into() };
    let lines = [
        "",
        "--train-file a.tsv --max-steps 5 --warmup-steps 2 --learning-rate 1 --report-to none",
        "--train-file a.tsv --validation-file b.csv --eval-strategy steps --eval-steps 3",
        "--train-file a\"b\\.tsv --num-train-epochs .5 --adam-epsilon 1E-8",
    ];
    for line in lines {
        let first = plan(line, "").unwrap();
        let text = run_toml(&first, &record());
        let second = plan("CONFIG", &text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        let [first, second] = [first, second].map(|plan| RunPlan { settled: Vec::new(), ..plan });
        assert_eq!(format!("{first:?}"), format!("{second:?}"), "{text}");
    }
}
