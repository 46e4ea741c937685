//! Words of other trainers, and words without their flags: what is taken, and what is said.

use lockstep_flags::Meant::{Advice, Like, Same, Value, With};
use lockstep_flags::{
    Command, Entries, Entry, Hint, Key, Set, Table, WHOLE, WORDS, Words, entry_named, hint,
};

use super::*;

/// What is said of one flag of `train`.
fn said(flag: &str) -> String {
    let told = plan(&format!("CONFIG {flag}"), TRAIN).unwrap_err();
    told.lines().nth(2).unwrap_or_default().trim().to_owned()
}

#[test]
fn words_that_mean_the_same_are_taken() {
    let check = |flag: &str, value: &str, key: &str| {
        for flag in [flag.to_owned(), flag.replace('_', "-")] {
            check_value(&format!("CONFIG --{flag} {value}"), TRAIN, (key, Some(value)));
            check_value(&format!("CONFIG --set {flag}={value}"), TRAIN, (key, Some(value)));
        }
    };
    check("model_name_or_path", "some/model", "model");
    check("pretrained_model_name_or_path", "some/model", "model");
    check("max_length", "64", "max_seq_length");
    check("max_seq_len", "64", "max_seq_length");
    check("epochs", "2", "num_train_epochs");
    check("num_epochs", "2", "num_train_epochs");
    check("max_train_steps", "7", "max_steps");
    check("num_warmup_steps", "7", "warmup_steps");
    check("eval_file", "b.tsv", "validation_file");
    check("dev_file", "b.tsv", "validation_file");
    check("val_file", "b.tsv", "validation_file");
    check("training_file", "b.tsv", "train_file");
    check("text_column_name", "text", "text_column");
    check("label_column_name", "label", "label_column");
    check("per_gpu_train_batch_size", "8", "per_device_train_batch_size");
    let line = "CONFIG --eval-file b.tsv --evaluation_strategy epoch";
    check_value(line, TRAIN, ("eval_strategy", Some("epoch")));
    check_value("CONFIG", "[data]\ntraining_file = \"b.tsv\"\n", ("train_file", Some("b.tsv")));
    let several = ("train_file", Some("a.csv,b.csv"));
    check_value("CONFIG --train-file a.csv --train-file b.csv", TRAIN, several);
    check_value("CONFIG --train-file a.csv b.csv --seed 3", TRAIN, several);
    check_value("CONFIG --train-file=a.csv b.csv", TRAIN, several);
    check_value("CONFIG", "[data]\ntrain_file = [\"a.csv\", \"b.csv\"]\n", several);
    let line = "--model m --train-file parts/*.csv";
    check_value(line, "", ("output_dir", Some("runs/parts")));
    // Without the quick start, which a bare `trainer` runs.
    let line = "--model_name_or_path m --train_file a.tsv";
    check_value(line, "", ("output_dir", Some("runs/a")));
}

#[test]
fn every_key_is_taken_with_underscores_too() {
    for entry in keys::ALL {
        let flag = format!("--{}", entry.name());
        let line = CommandLine::parse(&[flag.clone(), "x".to_owned()], keys::ALL, Set::Taken);
        assert!(line.names(*entry), "{flag}");
    }
}

#[test]
fn words_of_other_trainers_are_answered() {
    let check = |flag: &str, expected: &str| {
        assert_eq!(said(flag), format!("there is no such flag; {expected}"), "{flag}");
    };
    let is = |flag: &str, keys: &str| check(flag, &format!("did you mean {keys}?"));
    is("--lr 1e-4", "`--learning-rate` or `--head-learning-rate`");
    is("--batch-size 8", "`--per-device-train-batch-size` or `--global-batch-size`");
    is("--batch_size 8", "`--per-device-train-batch-size` or `--global-batch-size`");
    is("--max-epochs 8", "`--num-train-epochs`");
    is("--bf16", "`--precision bf16`");
    is("--tf32 true", "`--precision tf32`");
    is("--no_cuda", "`--device cpu`");
    is("--resume_from_checkpoint x", "`--resume`");
    is("--checkpoint x", "`--resume` or `--model`");
    is("--dataset x", "`--train-file`");
    is("--do_eval", "`--validation-file`");
    is("--patience 3", "`--early-stopping-patience`");
    is("--warmup 3", "`--warmup-ratio` or `--warmup-steps`");
    is("--clip_grad_norm 3", "`--max-grad-norm`");
    is("--accumulate_grad_batches 3", "`--gradient-accumulation-steps`");
    is("--lerning-rate x", "`--learning-rate`");
    check("--fp16", "not supported: the precisions are f32, tf32 and bf16, see `precision`");
    check("--num_labels 3", "leave it out: the classes are those of the data or of the model");
    check("--per_device_eval_batch_size 3", "leave it out: evaluations choose their own batches");
    check("--optim adamw", "leave it out: the optimiser is AdamW");
    is("--best_metric f1", "`--metric-for-best-model`");
    check("--quux", "--help lists all flags");
    for words in ["--gpus 2", "--nproc-per-node 2", "--nodes 2", "-np"] {
        assert!(said(words).contains("`launcher --nproc-per-node N -- train"), "{words}");
    }
    assert!(said("--local-rank=0").contains("environment that torchrun"));
    assert!(said("--report-to wandb").ends_with("a list of console, jsonl and tensorboard"));
}

/// What `run_classification.py` of transformers is told in its own README and examples.
#[test]
fn no_flag_of_hugging_faces_example_is_left_without_an_answer() {
    let flags = "model_name_or_path dataset_name shuffle_train_dataset metric_name text_column_names \
                 text_column_name label_column_name do_train do_eval do_predict max_seq_length \
                 per_device_train_batch_size per_device_eval_batch_size learning_rate num_train_epochs \
                 output_dir overwrite_output_dir push_to_hub hub_model_id max_train_samples \
                 max_eval_samples pad_to_max_length use_fast_tokenizer overwrite_cache cache_dir \
                 trust_remote_code fp16 bf16 tf32 warmup_ratio warmup_steps weight_decay seed \
                 gradient_accumulation_steps eval_strategy evaluation_strategy eval_steps \
                 save_strategy save_steps save_total_limit logging_steps logging_strategy \
                 logging_dir report_to run_name load_best_model_at_end metric_for_best_model \
                 greater_is_better lr_scheduler_type max_grad_norm max_steps resume_from_checkpoint \
                 dataloader_num_workers gradient_checkpointing torch_compile optim local_rank \
                 ddp_backend deepspeed fsdp label_smoothing_factor group_by_length no_cuda use_cpu";
    for flag in flags.split_whitespace() {
        let is_taken = entry_named(keys::ALL, flag).is_some();
        let hint = hint(flag, keys::ALL);
        assert!(is_taken || hint != Hint::None, "{flag}");
    }
}

#[test]
fn in_a_file_keys_are_offered_as_they_stand_there() {
    let check = |line: &str, expected: &str| {
        let told = plan("CONFIG", &format!("{TRAIN}[train]\n{line}\n")).unwrap_err();
        assert!(told.ends_with(&format!("there is no such key; {expected}")), "{told}");
    };
    check("lr = 1", "did you mean `learning_rate` or `head_learning_rate`?");
    check("bf16 = true", "did you mean `precision = \"bf16\"`?");
    check("num_labels = 2", "leave it out: the classes are those of the data or of the model");
    check("quux = 2", "--help lists all keys");
}

static CHECKPOINT: Key<u64> = Key::new(Table::COMMAND, "checkpoint", WHOLE, "");
static DATA_FILE: Key<u64> = Key::new(Table::COMMAND, "data", WHOLE, "");
static INPUT: Key<u64> = Key::new(Table::COMMAND, "input", WHOLE, "");
static OF_EVALUATE: &Entries = &[&CHECKPOINT, &DATA_FILE];
static OF_PREDICT: &Entries = &[&CHECKPOINT, &INPUT];
static EVALUATE: Command = command(|| OF_EVALUATE);
static PREDICT: Command = command(|| OF_PREDICT);

const fn command(entries: fn() -> &'static Entries) -> Command {
    let words = Words::None("flags alone");
    Command { name: "", about: "", usage: "", entries, words, after: String::new }
}

/// All that is said of a command's words.
fn faults(line: &str, command: &Command) -> Vec<String> {
    let line = command.parse(&arguments(line));
    let faults = command.read(line, &[&CHECKPOINT]).err().unwrap();
    faults.0.iter().map(|fault| format!("{}: {}", fault.place, fault.problem)).collect()
}

#[test]
fn words_without_their_flags_are_told_which() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().display().to_string();
    let bare = |word: &str, flags: &str| {
        format!("{word}: the flag before this value is missing; write {flags}")
    };
    let of = |flag: &str, word: &str| bare(word, &format!("`{flag} {word}`"));
    assert_eq!(
        faults(&format!("{directory} dev.tsv"), &EVALUATE),
        [of("--checkpoint", &directory), of("--data", "dev.tsv")]
    );
    assert_eq!(
        faults("runs/nowhere in.jsonl", &PREDICT),
        [of("--checkpoint", "runs/nowhere"), of("--input", "in.jsonl")]
    );
    let told = faults("what", &EVALUATE);
    assert_eq!(told[0], "what: unexpected argument; flags alone");
    let told = plan(&format!("CONFIG dev.tsv {directory}"), TRAIN).unwrap_err();
    let files = "`--train-file dev.tsv` or `--validation-file dev.tsv` or `--test-file dev.tsv`";
    assert!(
        told.contains(&format!("the flag before this value is missing; write {files}")),
        "{told}"
    );
    let places = format!("write `--model {directory}` or `--output-dir {directory}`");
    assert!(told.ends_with(&places), "{told}");
    let told = plan(&directory, "").unwrap_err();
    assert!(told.contains(&places), "{told}");
}

#[test]
fn what_is_a_key_elsewhere_is_offered_as_the_key_here() {
    let check = |line: &str, entries, expected: &str| {
        let told = faults(&format!("--checkpoint 1 {line}"), entries);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].ends_with(&format!("did you mean `{expected}`?")), "{told:?}");
    };
    check("--test_file x.tsv", &EVALUATE, "--data");
    check("--eval-file x.tsv", &EVALUATE, "--data");
    check("--input x.tsv", &EVALUATE, "--data");
    check("--model x", &EVALUATE, "--checkpoint");
    check("--model_name_or_path x", &PREDICT, "--checkpoint");
    check("--data x.tsv", &PREDICT, "--input");
}

/// Keys of the commands that have no configuration file.
const OTHERS: [&str; 10] = [
    "checkpoint",
    "data",
    "input",
    "output",
    "format",
    "top_k",
    "show_text",
    "max_tokens_per_batch",
    "nproc_per_node",
    "nnodes",
];

#[test]
fn every_row_names_keys_that_exist() {
    let known: Vec<&str> = keys::ALL.iter().map(|entry| entry.name()).chain(OTHERS).collect();
    for (words, meant) in WORDS {
        let named = match *meant {
            Same(key) | Value(key, _) | With(key, _) => vec![key],
            Like(keys) => keys.to_vec(),
            Advice(_) => Vec::new(),
        };
        for key in named {
            assert!(known.contains(&key), "{words:?}: {key}");
        }
        if let Value(key, value) = meant {
            let entry = keys::ALL.iter().find(|entry| entry.name() == *key).unwrap();
            assert!(entry.accepts(value), "{words:?}: {key} = {value}");
        }
        for word in *words {
            let is_snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(word.chars().all(is_snake), "{word}");
            let is_key = |entry: &&&dyn Entry| entry.name() == *word;
            assert!(!matches!(meant, Same(_)) || keys::ALL.iter().find(is_key).is_none());
        }
    }
}

#[test]
fn a_key_and_its_other_name_in_one_file_are_a_contradiction() {
    let toml = "[data]\ntrain_file = \"a.tsv\"\n[train]\nnum_train_epochs = 5\nepochs = 2\n";
    let faults = plan("CONFIG", toml).unwrap_err();
    assert!(faults.contains("my.toml:5"), "{faults}");
    assert!(
        faults.contains("my.toml:4: train.num_train_epochs = 5; both are the same key"),
        "{faults}"
    );
}
