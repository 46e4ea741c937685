//! What is said of a faulty configuration.

use expect_test::{Expect, expect};

use super::plan;

fn check_faults(line: &str, toml: &str, expected: Expect) {
    expected.assert_eq(&plan(line, toml).unwrap_err());
}

const TRAIN: &str = "[data]\ntrain_file = \"a.tsv\"\nvalidation_file = \"b.tsv\"\n";

#[test]
fn all_faults_are_shown_together() {
    let toml = "seed = 4\n[data]\ntrain_file = \"a.tsv\"\nmax_seq_length = \"long\"\n\
                [optim]\nlerning_rate = 1e-4\nweight_decay = 7\nseed = 1\n[optimizer]\nx = 1\n";
    check_faults(
        "CONFIG --max-steps 0 --learning-rat 1 --head --set dropout=1 --set nothing=1 more",
        toml,
        expect![[r#"
            13 faults in the configuration:
              more
                  unexpected argument; one configuration file is enough
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
                  there is no such table; did you mean [optim]?
              my.toml:10: optim.x
                  there is no such key; --help lists all keys
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
                  cannot be read: No such file or directory (os error 2); pass a TOML file, see configs/ for complete ones
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
                  required, but not given; valid: a .tsv, .csv, .jsonl, .json, .parquet or .arrow file, several with commas between them, a pattern such as data/*.csv, a directory of a folder per class or of save_to_disk, hub:OWNER/NAME[:CONFIG]:SPLIT, or builtin:reviews"#]],
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
                  this value is not valid; valid: a .tsv, .csv, .jsonl, .json, .parquet or .arrow file, several with commas between them, a pattern such as data/*.csv, a directory of a folder per class or of save_to_disk, hub:OWNER/NAME[:CONFIG]:SPLIT, or builtin:reviews
              my.toml:6: data.no_shuffle = "yes"
                  this is not true or false without quotes; valid: true or false
              my.toml:8: train.num_train_epochs = "3"
                  this is not a decimal number without quotes; valid: a number from 1e-38 to 1e9
              my.toml:9: train.max_steps = 0x10
                  this is not a decimal number without quotes; valid: a whole number from 1 to 1000000000
              my.toml:10: train.seed = -1
                  this value is not valid; valid: a whole number, at least 0
              my.toml:12: run.report_to = "1"
                  this value is not valid; valid: none, or a list of console, jsonl and tensorboard"#]],
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
                  this contradicts my.toml:5: train.global_batch_size = 32; pass one of them; the global one stays the same at any number of ranks"#]],
    );
    check_faults(
        "CONFIG --warmup-steps 3 --warmup-ratio 0.1",
        TRAIN,
        expect![[r#"
            one fault in the configuration:
              --warmup-ratio 0.1
                  this contradicts --warmup-steps 3; pass one of them"#]],
    );
}

#[test]
fn numbers_that_contradict_each_other_are_named_together() {
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
                  this contradicts --save-strategy no; save as often as the run evaluates, or after a multiple of eval_steps"#]],
    );
    check_faults(
        "CONFIG --load-best-model-at-end --eval-strategy steps --eval-steps 4 \
         --save-strategy steps --save-steps 6",
        TRAIN,
        expect![[r#"
            one fault in the configuration:
              --load-best-model-at-end
                  this contradicts --save-strategy steps; save as often as the run evaluates, or after a multiple of eval_steps"#]],
    );
    check_faults(
        "CONFIG --early-stopping-patience 2 --eval-strategy no",
        TRAIN,
        expect![[r#"
            one fault in the configuration:
              --early-stopping-patience 2
                  this contradicts --eval-strategy no; set it to epoch or steps"#]],
    );
}

#[test]
fn what_an_evaluation_needs_must_be_given() {
    check_faults(
        "CONFIG --eval-strategy steps --save-steps 3",
        TRAIN,
        expect![[r#"
            2 faults in the configuration:
              --eval-strategy steps
                  this needs the number of updates in between; pass it, such as 500
              --save-steps 3
                  this needs the strategy steps; pass it too"#]],
    );
    let line = "--train-file a.tsv --eval-strategy epoch --load-best-model-at-end";
    check_faults(
        line,
        "",
        expect![[r#"
            2 faults in the configuration:
              --eval-strategy epoch
                  this needs a validation file or validation_split; pass one, or leave this out
              --load-best-model-at-end
                  this needs a validation file or validation_split; pass one, or leave this out"#]],
    );
}
