//! The commands from their arguments to what they write and how they end.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use expect_test::{Expect, expect};
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
        let process = Process { arguments: words.collect(), ..Process::default() };
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
    assert!(told.starts_with("examples   40 of DIR/train.tsv\naccuracy   "), "{told}");
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
    assert!(told.contains("going on after update 5"), "{told}");
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
    for expected in ["updates    6, 3 an epoch\n", "warm-up    2 updates\n", "tokens     2"] {
        assert!(told.contains(expected), "{told}");
    }
    let (_, told) = bench.run(&format!("{line} --json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(value["updates"], 6);
    assert!(!bench.path().join("run").exists());
}

/// A model without weights, of which a plan reads the sizes: two heads of 32 columns.
fn write_model(directory: &Path) {
    fs::create_dir(directory).unwrap();
    let config = serde_json::json!({
        "model_type": "distilbert", "activation": "gelu", "vocab_size": 1000, "n_layers": 2,
        "max_position_embeddings": 64, "dim": 64, "n_heads": 2, "hidden_dim": 256,
    });
    fs::write(directory.join("config.json"), config.to_string()).unwrap();
    let words = "[PAD] [UNK] [CLS] [SEP] [MASK] a good dull film number 1 2 ##0 ##1 ##2 ##3";
    fs::write(directory.join("vocab.txt"), words.replace(' ', "\n")).unwrap();
}

#[test]
fn the_gpu_step_of_a_run_is_told_without_a_gpu() {
    let bench = Bench::new();
    write_model(&bench.path().join("model"));
    let line = "plan --program --model DIR/model --train-file DIR/train.tsv --global-batch-size 16 \
                --max-steps 30 --precision bf16";
    let (code, told) = bench.run(line).unwrap();
    assert_eq!(code, ExitCode::Done);
    expect![[r#"
        program    bf16 on one H200, predicted; nothing is started
        buckets     66.7 % of the passes: 128 rows of 16 texts up to 32 tokens
                    33.3 % of the passes: 64 rows of 16 texts up to 32 tokens
        shown      128 rows of 16 texts up to 32 tokens, 13 distinct words

        lane  pass of 128 x 16 x 32                        kernel or product                         MB     GFLOP       us
        side  mask keys                                    mask_keys                               0.01                2.4
        main  word rows: catch up                          catch_up_rows                           0.03                2.4
        main  embeddings                                   embedding_forward_bf16                  0.10                2.4
        main  block 0: query, key, value                   (128,64) x (64,192) bf16                0.09      0.00      3.2
        main  block 0: attention                           attention_forward_bf16_h32_t32          0.07      0.00      3.4
        main  block 0: output                              (128,64) x (64,64) bf16                 0.04      0.00      3.2
        main  block 0: first norm                          residual_norm_bf16                      0.07                2.4
        main  block 0: widen                               (128,64) x (64,256) bf16                0.11      0.00      3.2
        main  block 0: GELU                                gelu_forward_bf16                       0.13                2.4
        main  block 0: narrow                              (128,256) x (256,64) bf16               0.11      0.00      3.6
        main  block 0: second norm                         residual_norm_bf16                      0.07                2.4
        main  last block: first rows                       gather_first_bf16                       0.01                2.4
        main  last block: key, value                       (128,64) x (64,128) bf16                0.07      0.00      3.2
        main  last block: query                            (16,64) x (64,64) bf16                  0.01      0.00      3.2
        main  last block: attention                        attention_first_forward_bf16_h32        0.04      0.00      3.4
        main  block 1: output                              (16,64) x (64,64) bf16                  0.01      0.00      3.2
        main  block 1: first norm                          residual_norm_bf16                      0.01                2.4
        main  block 1: widen                               (16,64) x (64,256) bf16                 0.04      0.00      3.2
        main  block 1: GELU                                gelu_forward_bf16                       0.02                2.4
        main  block 1: narrow                              (16,256) x (256,64) bf16                0.04      0.00      3.6
        main  block 1: second norm                         residual_norm_bf16                      0.01                2.4
        main  head: states in f32                          to_f32                                  0.01                2.4
        main  head: hidden                                 (16,64) x (64,32) f32                   0.01      0.00      3.2
        main  head: loss and its gradient                  head_loss                               0.01                2.4
        side  totals                                       totals                                  0.00                2.4
        side  head: classifier, weight gradient            head_gradient                           0.00                2.4
        side  head: hidden, weight gradient                (32,16) x (16,64) f32                   0.01      0.00      3.0
        side  head: vectors, gradient                      sum_parts                               0.00                2.4
        main  head: hidden, input gradient                 (16,32) x (32,64) f32                   0.01      0.00      3.1
        main  head: gradient in bf16                       to_bf16                                 0.01                2.4
        side  bucket 0: squares                            squares                                 0.01                2.4
        main  block 1: second norm, gradient               norm_backward_bf16                      0.01                2.4
        side  block 1: narrow, weight gradient             (64,16) x (16,256) bf16                 0.08      0.00      3.1
        main  block 1: narrow, input gradient              (16,64) x (64,256) bf16                 0.04      0.00      3.2
        main  block 1: GELU, gradient                      gelu_backward_bf16                      0.03                2.4
        side  block 1: widen, weight gradient              (256,16) x (16,64) bf16                 0.08      0.00      3.1
        main  block 1: widen, input gradient               (16,256) x (256,64) + bf16              0.05      0.00      3.6
        main  block 1: first norm, gradient                norm_backward_bf16                      0.01                2.4
        side  block 1: output, weight gradient             (64,16) x (16,64) bf16                  0.02      0.00      3.0
        main  block 1: output, input gradient              (16,64) x (64,64) bf16                  0.01      0.00      3.2
        main  last block: attention, gradient              attention_first_backward_bf16_h32       0.09      0.00      4.0
        side  last block: query, weight gradient           (64,16) x (16,64) bf16                  0.02      0.00      3.0
        side  last block: key, value, weight gradient      (128,128) x (128,64) bf16               0.08      0.00      3.3
        side  block 1: vectors, gradient                   sum_parts                               0.02                2.4
        main  last block: key, value, input gradient       (128,128) x (128,64) bf16               0.07      0.00      3.3
        main  last block: query, input gradient            (16,64) x (64,64) + bf16                0.01      0.00      3.2
        main  last block: first rows, gradient             add_first_bf16                          0.01                2.4
        side  bucket 1: squares                            squares                                 0.20                2.4
        main  block 0: second norm, gradient               norm_backward_bf16                      0.09                2.4
        side  block 0: narrow, weight gradient             (64,128) x (128,256) bf16               0.15      0.00      3.3
        main  block 0: narrow, input gradient              (128,64) x (64,256) bf16                0.11      0.00      3.2
        main  block 0: GELU, gradient                      gelu_backward_bf16                      0.21                2.4
        side  block 0: widen, weight gradient              (256,128) x (128,64) bf16               0.15      0.00      3.3
        main  block 0: widen, input gradient               (128,256) x (256,64) + bf16             0.13      0.00      3.6
        main  block 0: first norm, gradient                norm_backward_bf16                      0.07                2.4
        side  block 0: output, weight gradient             (64,128) x (128,64) bf16                0.05      0.00      3.3
        main  block 0: output, input gradient              (128,64) x (64,64) bf16                 0.04      0.00      3.2
        main  block 0: attention, gradient                 attention_backward_bf16_h32_t32         0.15      0.00      5.0
        side  block 0: query, key, value, weight gradient  (192,128) x (128,64) bf16               0.11      0.00      3.3
        side  block 0: vectors, gradient                   sum_parts                               0.07                2.4
        main  block 0: query, key, value, input gradient   (128,192) x (192,64) + bf16             0.11      0.00      3.5
        side  bucket 2: squares                            squares                                 0.20                2.4
        main  embeddings: norm, gradient                   embedding_backward_bf16                 0.10                2.4
        side  embeddings: vectors, gradient                sum_parts                               0.02                2.4
        side  positions: gradient                          place_gradient                          0.05                2.4
        main  words: gradient                              word_gradient                           0.04                2.4
        main  words: squares                               squares_rows                            0.00                2.4
        side  bucket 3: squares                            squares                                 0.02                2.4

        lane  update                                       kernel or product                         MB     GFLOP       us
        main  norm and clip factor                         clip                                    0.04                2.4
        main  AdamW                                        adamw_bf16                              3.18                3.2
        side  AdamW of word rows                           adamw_rows                              0.03                2.4

        update     1 x pass, then the update: 0.14 ms
        launches   48 on the main lane (0.14 ms), 23 on the side lane (0.06 ms)
        bounds     0.14 ms by the longest chain, 0.00 ms by memory and multipliers
        work       0.01 GB; 0.000 TFLOP performed, 0.000 TFLOP of all blocks in full
        rate       0.3 and 0.5 TFLOP/s, MFU 0.0 and 0.1 % of 989 TFLOP/s in bf16
        memory     3.7 MB for the largest batch
                         0.7 MB weights
                         0.2 MB copies of the weights
                         0.5 MB gradients
                         1.4 MB moments
                         1.0 MB activations
    "#]].assert_eq(&told);
    let (_, told) = bench.run(&format!("{line} --json --gradient-accumulation-steps 2")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(value["bucket"], serde_json::json!({ "rows": 64, "batch": 16, "longest": 32 }));
    assert_eq!((&value["passes_per_update"], &value["card"]), (&2.into(), &"H200".into()));
    let us = |program: &str| value[program]["us"].as_f64().unwrap();
    let whole = value["us"].as_f64().unwrap();
    assert!((whole - 2.0 * us("pass") - us("update")).abs() < 1e-6, "{value}");
}

#[test]
fn a_model_that_the_kernels_do_not_take_has_no_gpu_step() {
    let bench = Bench::new();
    let line = "plan --program --model builtin:tiny --train-file DIR/train.tsv";
    let reason = "the GPU kernels take no head size of 16: it must be 32 or 64";
    expect![[r#"
        program    none: the GPU kernels take no head size of 16: it must be 32 or 64
    "#]]
    .assert_eq(&bench.run(line).unwrap().1);
    let (code, told) = bench.run(&format!("{line} --json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &value["reason"]), (ExitCode::Done, &reason.into()));
    let (_, told) = bench.run("plan --program --model ./no --train-file DIR/train.tsv").unwrap();
    assert!(told.starts_with("program    none: ./no is not on this machine"), "{told}");
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
            "there is no command `paint`; there are train, evaluate, predict, plan, doctor; a configuration file to train from ends in .toml; see --help"
        ],
    );
    check("evalute --json", expect!["there is no command `evalute`; did you mean `evaluate`?"]);
}

#[test]
fn help_names_every_flag() {
    let bench = Bench::new();
    for (line, flag) in [
        ("--help", "--learning-rate X"),
        ("help", "--on-bad-row fail|skip"),
        ("train --help", "exit codes:"),
        ("evaluate --help", "--data FILE"),
        ("predict -h", "--input FILE"),
        ("plan --help", "Nothing is started"),
        ("doctor --help", "--device auto|cpu|cuda"),
        ("--version", "lockstep "),
    ] {
        let (code, told) = bench.run(line).unwrap();
        assert!(code == ExitCode::Done && told.contains(flag), "{line}: {told}");
        assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
    }
}
