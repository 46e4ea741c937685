//! The commands from their arguments to what they write and how they end.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use expect_test::{Expect, expect, expect_file};
use tempfile::TempDir;

use super::*;

/// A directory with a small training file, and a way to run commands in which DIR stands for it.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from("text\tlabel\n");
        for i in 0..20 {
            let _ = write!(text, "a good film number {i}\tgood\na dull film number {i}\tdull\n");
        }
        fs::write(folder.path().join("train.tsv"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, line: &str) -> Result<(ExitCode, String), Failure> {
        let directory = self.path().display().to_string();
        let words = line.split_whitespace().map(|word| word.replace("DIR", &directory));
        let home = ("HF_HOME".to_owned(), format!("{directory}/home"));
        let environment = [home].into_iter().collect();
        let process = Process { arguments: words.collect(), environment };
        let mut out = Vec::new();
        let code = run(&process, &mut out)?;
        Ok((code, String::from_utf8(out).unwrap().replace(&directory, "DIR")))
    }

    fn train(&self, more: &str) -> Result<(ExitCode, String), Failure> {
        self.run(&format!(
            "train --model builtin:tiny --train-file DIR/train.tsv --validation-file DIR/train.tsv \
             --output-dir DIR/run --num-train-epochs 1 --global-batch-size 8 {more}"
        ))
    }
}

#[test]
fn a_model_is_trained_evaluated_and_used() {
    let bench = Bench::new();
    let (code, told) = bench.train("").unwrap();
    assert_eq!(code, ExitCode::Done);
    assert!(told.contains("\nEpoch 1 | avg loss: 0."), "{told}");
    assert!(told.ends_with("trainer predict --checkpoint DIR/run\n"), "{told}");
    for name in ["config.json", "model.safetensors", "tokenizer.json", "README.md", "run.toml"] {
        assert!(bench.path().join("run").join(name).exists(), "{name}");
    }
    let metrics = fs::read_to_string(bench.path().join("run/metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 6, "{metrics}");

    let (_, told) = bench.run("evaluate --checkpoint DIR/run --data DIR/train.tsv").unwrap();
    assert!(told.starts_with("examples   40 from DIR/train.tsv\naccuracy   "), "{told}");
    let (_, told) = bench.run("evaluate --checkpoint DIR/run --data DIR/train.tsv --json").unwrap();
    let value: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(value["examples"], 40);
    assert_eq!(value["labels"], serde_json::json!(["dull", "good"]));

    fs::write(bench.path().join("texts.txt"), "a good one\n\na dull one\n").unwrap();
    let line = "predict --checkpoint DIR/run --input DIR/texts.txt";
    let (code, told) = bench.run(line).unwrap();
    assert_eq!(code, ExitCode::Done);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "line\tlabel\tprobability:dull\tprobability:good\terror");
    assert_eq!(lines[2], "2\t\t\t\tthe line is empty");
    assert_eq!(lines.len(), 4, "{told}");
    bench.run(&format!("{line} --output DIR/answers.jsonl")).unwrap();
    let answers = fs::read_to_string(bench.path().join("answers.jsonl")).unwrap();
    assert!(answers.starts_with("{\"line\":1,\"label\":\""), "{answers}");
}

#[test]
fn a_run_is_only_replaced_or_gone_on_with_when_that_was_asked_for() {
    let bench = Bench::new();
    bench.train("").unwrap();
    assert_eq!(bench.train("").unwrap_err().code(), ExitCode::Usage);
    let (_, told) = bench.train("--resume auto").unwrap();
    assert!(told.contains("resumes after update 5"), "{told}");
    let (_, told) = bench.train("--overwrite-output-dir --report-to none").unwrap();
    assert_eq!(told, "");
    assert_eq!(bench.train("--resume auto --seed 1").unwrap_err().code(), ExitCode::Checkpoint);
}

#[test]
fn a_plan_counts_and_starts_nothing() {
    let bench = Bench::new();
    let line = "plan --model builtin:tiny --train-file DIR/train.tsv --global-batch-size 16 \
                --output-dir DIR/run --num-train-epochs 2 --warmup-ratio 0.4";
    let (_, told) = bench.run(line).unwrap();
    for expected in ["updates    6, 3 per epoch\n", "warm-up    2 updates\n", "tokens     2"] {
        assert!(told.contains(expected), "{told}");
    }
    let (_, told) = bench.run(&format!("{line} --json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(value["updates"], 6);
    assert!(!bench.path().join("run").exists());
}

/// A model without weights, of which a plan reads the sizes, 64 columns in so many heads.
fn write_model(directory: &Path, heads: usize) {
    fs::create_dir(directory).unwrap();
    let config = serde_json::json!({
        "model_type": "distilbert", "activation": "gelu", "vocab_size": 1000, "n_layers": 2,
        "max_position_embeddings": 64, "dim": 64, "n_heads": heads, "hidden_dim": 256,
    });
    fs::write(directory.join("config.json"), config.to_string()).unwrap();
    let words = "[PAD] [UNK] [CLS] [SEP] [MASK] a good dull film number 1 2 ##0 ##1 ##2 ##3";
    fs::write(directory.join("vocab.txt"), words.replace(' ', "\n")).unwrap();
}

#[test]
fn the_gpu_step_of_a_run_is_told_without_a_gpu() {
    let bench = Bench::new();
    write_model(&bench.path().join("model"), 2);
    let line = "plan --program --model DIR/model --train-file DIR/train.tsv --global-batch-size 16 \
                --max-steps 30 --precision bf16 --max-seq-length 64";
    let (code, told) = bench.run(line).unwrap();
    assert_eq!(code, ExitCode::Done);
    expect_file!["plan/program.txt"].assert_eq(&told);
    let (_, told) = bench.run(&format!("{line} --json --gradient-accumulation-steps 2")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(value["bucket"], serde_json::json!({ "rows": 64, "batch": 16, "longest": 32 }));
    assert_eq!((&value["passes_per_update"], &value["card"]), (&2.into(), &"H200".into()));
    let us = |program: &str| value[program]["us"].as_f64().unwrap();
    let whole = value["us"].as_f64().unwrap();
    assert!((whole - 2.0 * us("pass") - us("update")).abs() < 1e-6, "{value}");
}

#[test]
fn the_model_that_is_built_in_has_a_gpu_step() {
    let line = "plan --program --model builtin:tiny --train-file DIR/train.tsv";
    let (_, told) = Bench::new().run(line).unwrap();
    assert!(!told.contains("program    none") && told.contains("\nmemory     "), "{told}");
}

#[test]
fn a_model_that_the_kernels_do_not_take_has_no_gpu_step() {
    let bench = Bench::new();
    write_model(&bench.path().join("model"), 4);
    let line = "plan --program --model DIR/model --train-file DIR/train.tsv --max-seq-length 64";
    let reason = "the GPU kernels take no head size of 16: it must be 32 or 64";
    expect![[r#"
        program    none: the GPU kernels take no head size of 16: it must be 32 or 64
    "#]]
    .assert_eq(&bench.run(line).unwrap().1);
    let (code, told) = bench.run(&format!("{line} --json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &value["reason"]), (ExitCode::Done, &reason.into()));
    let (_, told) = bench.run("plan --program --model a/b --train-file DIR/train.tsv").unwrap();
    assert!(told.starts_with("program    none: a/b is not on this machine"), "{told}");
}

#[test]
fn each_failure_has_its_exit_code() {
    let bench = Bench::new();
    let check = |line: &str, expected: ExitCode| {
        let failure = bench.run(line).unwrap_err();
        assert_eq!(failure.code(), expected, "{line}: {failure}");
    };
    check("paint", ExitCode::Usage);
    check("--sed 3", ExitCode::Usage);
    check("evaluate --data DIR/train.tsv", ExitCode::Usage);
    check("predict more", ExitCode::Usage);
    check("plan DIR/no.toml", ExitCode::Usage);
    check("--train-file DIR/no.tsv --model builtin:tiny", ExitCode::Data);
    check("--train-file DIR --model builtin:tiny", ExitCode::Data);
    check("--train-file DIR/train.tsv --model DIR", ExitCode::Checkpoint);
    check("--train-file DIR/train.tsv --model ./no", ExitCode::Checkpoint);
    check("--train-file DIR/train.tsv --device cuda", ExitCode::Device);
    check("--train-file DIR/train.tsv --precision tf32", ExitCode::Device);
    check("evaluate --checkpoint DIR/no --data DIR/train.tsv", ExitCode::Checkpoint);
    check("predict --checkpoint DIR", ExitCode::Checkpoint);
    assert!(!Path::new("runs").exists(), "a run that finds a fault leaves no trace");
}

#[test]
fn a_word_that_is_no_command_is_answered_with_those_there_are() {
    let check = |line: &str, expected: Expect| {
        expected.assert_eq(&Bench::new().run(line).unwrap_err().to_string());
    };
    check(
        "paint",
        expect![
            "there is no command `paint`; valid: train, evaluate, predict, plan, report, inspect, doctor, completions, man, or a configuration file that ends in .toml; see --help"
        ],
    );
    check("evalute --json", expect!["there is no command `evalute`; did you mean `evaluate`?"]);
}

#[test]
fn help_is_short_and_names_every_flag_of_a_command() {
    let bench = Bench::new();
    for (line, part) in [
        ("--help", "  evaluate     Measure a trained model on labelled examples\n"),
        ("help", "trainer COMMAND --help KEY"),
        ("configs/sst2.toml --help", "commands:\n"),
        ("train --help", "--learning-rate <X>"),
        ("help train", "exit codes:"),
        ("train --help x.toml", "[data]:\n"),
        ("evaluate --help", "--data <FILES>"),
        ("predict -h", "--input <FILES>"),
        ("evaluate --help", "--calibrate"),
        ("plan --help", "nothing is started"),
        ("plan --help", "      --program"),
        ("doctor --help", "--device <auto|cpu|cuda>"),
        ("completions --help", "source <(trainer completions bash)"),
        ("--version", "lockstep "),
        ("train --seed x --version", "lockstep "),
    ] {
        let (code, told) = bench.run(line).unwrap();
        assert!(code == ExitCode::Done && told.contains(part), "{line}: {told}");
        assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    }
    assert!(bench.run("--help").unwrap().1.lines().count() <= 40);
    let (_, told) = bench.run("train --help").unwrap();
    for entry in lockstep_settings::keys::ALL {
        let is_listed = told.split_whitespace().any(|word| word == entry.flag());
        assert!(is_listed, "{}: {told}", entry.flag());
    }
}

#[test]
fn one_key_is_explained_at_length() {
    let check = |line: &str, expected: Expect| {
        expected.assert_eq(&Bench::new().run(line).unwrap().1);
    };
    check(
        "train --help learning-rate",
        expect![[r#"
            --learning-rate X
              peak learning rate of the encoder

              valid    a number from 0 to 1
              default  2e-5
              also     --learning_rate
              example  --learning-rate 2e-5
              TOML     [optim]
                       learning_rate = 2e-5
        "#]],
    );
    check(
        "--help=--eval_strategy",
        expect![[r#"
            --eval-strategy no|steps|epoch
              when to evaluate

              valid    no     never
                       steps  after a number of updates
                       epoch  after each epoch
              default  epoch
              also     --eval_strategy, --evaluation_strategy
              example  --eval-strategy epoch
              TOML     [train]
                       eval_strategy = "epoch"
        "#]],
    );
}

#[test]
fn a_switch_is_explained_without_a_value() {
    let (_, text) = Bench::new().run("plan --help json").unwrap();
    expect![[r#"
        --json
          answer with one JSON object

          valid    true or false
          default  false
          example  --json
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_word_that_is_no_key_is_answered_with_the_nearest() {
    let failure = Bench::new().run("evaluate --help dat").unwrap_err();
    expect![[r#"
        one fault in the configuration:
          --help dat
              there is no such key; did you mean `data`?"#]]
    .assert_eq(&failure.to_string());
}

#[test]
fn a_share_of_the_training_file_is_evaluated_on() {
    let bench = Bench::new();
    let line = "train --model builtin:tiny --train-file DIR/train.tsv --output-dir DIR/run \
                --max-steps 3 --global-batch-size 8";
    let (_, text) = bench.run(&format!("{line} --validation-split 0.2")).unwrap();
    assert!(text.contains("validation 20 % of DIR/train.tsv: 8 examples"), "{text}");
    assert!(text.contains("32 examples") && text.contains("accuracy"), "{text}");
    let metrics = fs::read_to_string(bench.path().join("run/metrics.jsonl")).unwrap();
    assert!(metrics.lines().any(|line| line.contains("\"evaluation\"")), "{metrics}");
    let (_, text) = bench.run(&format!("{line} --overwrite-output-dir")).unwrap();
    assert!(text.contains("validation none, so nothing is evaluated while training"), "{text}");
    let failure = bench.run(&format!("{line} --overwrite-output-dir --validation-split 0.001"));
    let failure = failure.unwrap_err().to_string();
    assert!(failure.contains("a share of 0.001 of 40 training examples is less"), "{failure}");
}

#[test]
fn a_sample_of_the_examples_is_used_and_said() {
    let bench = Bench::new();
    let line = "train --model builtin:tiny --train-file DIR/train.tsv --output-dir DIR/run \
                --max-steps 3 --global-batch-size 8 --overwrite-output-dir";
    let split = "--validation-split 0.2 --max-train-samples 10 --max-eval-samples 4";
    let (_, text) = bench.run(&format!("{line} {split}")).unwrap();
    let train = "train      DIR/train.tsv: 10 of 32 examples, chosen at random with seed 42\n";
    assert!(text.contains(train), "{text}");
    let held = "validation 20 % of DIR/train.tsv: 4 of 8 examples, chosen at random with seed 42\n";
    assert!(text.contains(held), "{text}");
    let first = "--no-shuffle --max-train-samples 10 --max-eval-samples 40 \
                 --validation-file DIR/train.tsv";
    let (_, text) = bench.run(&format!("{line} {first}")).unwrap();
    assert!(text.contains("train      DIR/train.tsv: the first 10 of 40 examples\n"), "{text}");
    assert!(text.contains("validation DIR/train.tsv: 40 examples\n"), "{text}");
    let line = "evaluate --checkpoint DIR/run --data DIR/train.tsv --max-eval-samples 5";
    let (_, text) = bench.run(line).unwrap();
    let examples = "examples   5 of 40 examples, chosen at random with seed 42, from DIR/train.tsv";
    assert!(text.contains(examples), "{text}");
    let (_, text) = bench.run(&format!("{line} --json --seed 7")).unwrap();
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&found["examples"], &found["sampled_from"]), (&5.into(), &40.into()));
    let line = "inspect DIR/train.tsv DIR/train.tsv --model builtin:tiny --max-eval-samples 3";
    let (_, text) = bench.run(line).unwrap();
    assert!(text.contains("sampled    3 of 40 examples, chosen at random with seed 42"), "{text}");
    assert!(text.contains("overlap    3 rows with a text of DIR/train.tsv"), "{text}");
    let (_, text) = bench.run(&format!("{line} --json")).unwrap();
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    let [train, held] = [0, 1].map(|file| &found["files"][file]);
    assert_eq!((&train["sampled"], &train["usable"]), (&serde_json::Value::Null, &40.into()));
    assert_eq!((&held["sampled"], &held["usable"]), (&3.into(), &40.into()));
}

#[test]
fn files_are_inspected_before_a_training() {
    let bench = Bench::new();
    let rows = "text\tlabel\na good film number 3\tgood\na new film\tdull\na new film\tgood\nx\n";
    fs::write(bench.path().join("held.tsv"), rows).unwrap();
    let line = "inspect DIR/train.tsv DIR/held.tsv --model builtin:tiny";
    let (code, text) = bench.run(line).unwrap();
    assert_eq!(code, ExitCode::Done);
    for row in [
        "rows       40\n",
        "repeated   0 rows",
        "unusable   1 row: ",
        "overlap    1 row with a text of DIR/train.tsv",
        "conflicts  1 text with more than one class",
        "truncated  0 texts to 128 tokens",
    ] {
        assert!(text.contains(row), "{row}: {text}");
    }
    let (_, text) = bench.run(&format!("{line} --json")).unwrap();
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    let [train, held] = [0, 1].map(|file| &found["files"][file]);
    assert_eq!((&train["overlap"], &train["usable"]), (&serde_json::Value::Null, &40.into()));
    assert_eq!((&held["overlap"], &held["conflicting_texts"]), (&1.into(), &1.into()));
    assert_eq!((&held["rows"], &held["usable"]), (&4.into(), &3.into()));
    let failure = bench.run("inspect").unwrap_err();
    assert!(failure.to_string().contains("one data file or more"), "{failure}");
}

#[test]
fn completions_name_commands_flags_and_values() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let (_, script) = Bench::new().run(&format!("completions {shell}")).unwrap();
        for word in ["evaluate", "learning-rate", "completions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let failure = Bench::new().run("completions tcsh").unwrap_err();
    expect![[r#"
        one fault in the configuration:
          trainer completions tcsh
              this value is not valid; valid: bash, zsh, fish or powershell"#]]
    .assert_eq(&failure.to_string());
    let failure = Bench::new().run("completions").unwrap_err();
    expect![[r#"
        one fault in the configuration:
          trainer completions
              required, but not given; valid: bash, zsh, fish or powershell"#]]
    .assert_eq(&failure.to_string());
}
