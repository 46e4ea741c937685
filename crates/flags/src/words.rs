//! The words that people bring from other trainers: taken where they mean exactly one of ours, else
//! answered with what to write instead. One row a word, of its first that the command can use.

use crate::hint::Hint;
use crate::key::{Entries, Entry};
use crate::near::nearest;

/// What a word that is no key of ours stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// This key and nothing else, so that it is taken for it.
    Same(&'static str),
    /// One of these keys, or something like it.
    Like(&'static [&'static str]),
    /// This key with this value.
    Value(&'static str, &'static str),
    /// No key; what to do in a command with this key.
    With(&'static str, &'static str),
    /// No key; what to do.
    Advice(&'static str),
}

use Meant::{Advice, Like, Same, Value, With};

impl Meant {
    /// What it is among these keys, if anything.
    fn among(self, entries: &Entries) -> Option<Hint> {
        let has = |key: &&str| entries.iter().any(|entry| entry.name() == *key);
        match self {
            Same(key) => has(&key).then(|| Hint::Keys(vec![key])),
            Like(keys) => {
                let keys: Vec<&str> = keys.iter().copied().filter(has).collect();
                (!keys.is_empty()).then_some(Hint::Keys(keys))
            }
            Value(key, value) => has(&key).then_some(Hint::Value(key, value)),
            With(key, text) => has(&key).then_some(Hint::Advice(text)),
            Advice(text) => Some(Hint::Advice(text)),
        }
    }
}

/// The words that mean exactly `entry`.
pub(crate) fn same_words(entry: &dyn Entry) -> impl Iterator<Item = &'static str> {
    let meant = Same(entry.name());
    WORDS.iter().filter(move |row| row.1 == meant).flat_map(|row| row.0.iter().copied())
}

/// Whether `word`, in snake or kebab case, is `entry`'s name or means exactly the same.
pub(crate) fn is_called(entry: &dyn Entry, word: &str) -> bool {
    let word = word.replace('-', "_");
    entry.name() == word || same_words(entry).any(|same| same == word)
}

/// The entry called `name`, in snake or kebab case, or by a word that means the same.
#[must_use]
pub fn entry_named(entries: &Entries, name: &str) -> Option<&'static dyn Entry> {
    let snake = name.replace('-', "_");
    let own = entries.iter().copied().find(|entry| entry.name() == snake);
    own.or_else(|| entries.iter().copied().find(|entry| is_called(*entry, name)))
}

/// What to write instead of `word`, which none of `entries` is called.
#[must_use]
pub fn hint(word: &str, entries: &Entries) -> Hint {
    let dashed = word.contains(char::is_whitespace).then(|| With(TEXTS, DASHED).among(entries));
    if let Some(hint) = dashed.flatten() {
        return hint;
    }
    let word = word.trim_start_matches('-').replace('-', "_");
    let lower = word.to_lowercase();
    let rows = WORDS.iter().filter(|(words, _)| words.contains(&&*lower));
    rows.filter_map(|(_, meant)| meant.among(entries)).next().unwrap_or_else(|| {
        let near = nearest(&word, entries.iter().map(|entry| entry.name()));
        near.map_or(Hint::None, |key| Hint::Keys(vec![key]))
    })
}

const STARTERS: &str = "pass the number of processes to the program that starts them, such as \
                        `launcher --nproc-per-node N -- train CONFIG.toml`";
const MEETING: &str = "leave it out: ranks read it from the environment that torchrun, mpirun, srun \
                       or the launcher sets";
const CLASSES: &str = "leave it out: the classes are those of the data or of the model";
/// The key of commands that take texts.
const TEXTS: &str = "show_text";
const DASHED: &str = "put -- before texts that begin with a dash";
const BATCHES: &str = "leave it out: evaluations choose their own batches";
const FP16: &str = "not supported: the precisions are f32, tf32 and bf16, see `precision`";
const ALL_LEARN: &str = "not supported: every weight of the model is trained";
const RANKS: &str = "leave it out: several ranks are always data-parallel; the launcher, mpirun, srun \
                     or torchrun starts them";
const NO_SERVICE: &str = "not supported: metrics.jsonl in the output directory has every number";
const TEST_IS_WHOLE: &str = "not supported: the test file is evaluated whole";
const TOKENIZER: &str =
    "leave it out: the tokenizer and its settings are read from the model's directory";

/// Words of other trainers, each with what it stands for among our keys.
#[rustfmt::skip]
pub const WORDS: &[(&[&str], Meant)] = &[
    // The same by another name.
    (&["model_name_or_path", "pretrained_model_name_or_path"], Same("model")),
    (&["max_length", "max_seq_len", "max_sequence_length"], Same("max_seq_length")),
    (&["epochs", "num_epochs"], Same("num_train_epochs")),
    (&["max_train_steps"], Same("max_steps")),
    (&["evaluation_strategy"], Same("eval_strategy")),
    (&["num_warmup_steps"], Same("warmup_steps")),
    (&["eval_file", "dev_file", "val_file"], Same("validation_file")),
    (&["training_file"], Same("train_file")),
    (&["text_column_name"], Same("text_column")),
    (&["label_column_name"], Same("label_column")),
    (&["class_weight"], Same("class_weights")),
    (&["label_smoothing"], Same("label_smoothing_factor")),
    (&["per_gpu_train_batch_size"], Same("per_device_train_batch_size")),
    (&["num_processes", "nproc"], Same("nproc_per_node")),
    (&["num_nodes", "nodes"], Same("nnodes")),
    // Models.
    (&["model", "model_name", "model_name_or_path", "pretrained_model_name_or_path", "model_id",
       "model_path", "base_model", "pretrained", "pretrained_model", "model_type"],
     Like(&["model", "checkpoint"])),
    (&["model_dir", "output_dir"], Like(&["checkpoint", "output", "output_dir"])),
    (&["checkpoint", "ckpt", "ckpt_path", "checkpoint_path", "checkpoint_dir"],
     Like(&["checkpoint", "resume", "model"])),
    (&["resume_from_checkpoint", "resume_from", "from_checkpoint", "load_checkpoint", "restore"],
     Like(&["resume", "checkpoint"])),
    (&["head_type", "classifier", "classifier_head"], Like(&["head"])),
    (&["dropout_rate", "dropout_prob", "hidden_dropout", "hidden_dropout_prob", "drop"],
     Like(&["dropout"])),
    (&["attention_probs_dropout_prob", "attn_dropout", "attention_dropout_prob"],
     Like(&["attention_dropout"])),
    (&["classifier_dropout", "seq_classif_dropout", "cls_dropout"], Like(&["head_dropout"])),
    (&["num_labels", "num_classes", "n_classes"], Advice(CLASSES)),
    (&["tokenizer", "tokenizer_name", "do_lower_case", "uncased", "vocab_file", "config_name"],
     Advice(TOKENIZER)),
    (&["freeze", "freeze_encoder", "lora", "peft", "use_peft"], Advice(ALL_LEARN)),
    // Data.
    (&["data", "data_path", "data_file", "data_dir", "dataset", "dataset_name", "task_name",
       "file", "input_file"],
     Like(&["data", "input", "train_file"])),
    (&["train", "train_data", "train_path", "train_dataset", "training_data"],
     Like(&["train_file"])),
    (&["valid", "val", "dev", "valid_file", "valid_data", "val_data", "dev_data", "eval_data",
       "validation_data", "eval_dataset", "do_eval"],
     Like(&["validation_file", "data", "input"])),
    (&["test", "test_data", "test_dataset", "do_predict"], Like(&["test_file", "data", "input"])),
    (&["train_file", "validation_file", "test_file", "eval_file", "dev_file", "val_file", "input"],
     Like(&["data", "input"])),
    (&["text", "texts", "sentence", "sentences"],
     With(TEXTS, "write the text without a flag, in quotes")),
    (&["text_pair", "sentence2"],
     With(TEXTS, "write the second text of a pair behind the first one, both in quotes")),
    (&["json", "jsonl", "csv", "output_format"], Like(&["format"])),
    (&["topk", "k", "return_all_scores"], Like(&["top_k"])),
    (&["text", "text_field", "text_col", "text_key", "text_column_names", "sentence",
       "sentence_column", "sentence1_key"],
     Like(&["text_column"])),
    (&["label", "target", "label_field", "label_col", "label_key", "target_column"],
     Like(&["label_column"])),
    (&["labels", "label2id", "id2label", "class_names", "classes"], Like(&["label_map"])),
    (&["model_max_length", "max_len", "seq_len", "seq_length", "block_size", "cutoff_len",
       "max_tokens"],
     Like(&["max_seq_length"])),
    (&["shuffle", "shuffle_train_dataset", "shuffle_seed"], Like(&["no_shuffle"])),
    (&["num_workers", "dataloader_num_workers", "preprocessing_num_workers", "workers"],
     Advice("leave it out: data are read once, before the first update")),
    // Training.
    (&["batch_size", "train_batch_size", "bs"],
     Like(&["per_device_train_batch_size", "global_batch_size"])),
    (&["batch_size", "per_device_eval_batch_size", "eval_batch_size", "bs", "max_tokens"],
     Like(&["max_tokens_per_batch"])),
    (&["batch_size", "per_device_eval_batch_size", "per_gpu_eval_batch_size", "eval_batch_size",
       "bs"],
     Advice(BATCHES)),
    (&["grad_accum", "grad_accum_steps", "accumulate_grad_batches", "accumulation_steps",
       "gradient_accumulation"],
     Like(&["gradient_accumulation_steps"])),
    (&["epoch", "max_epochs", "n_epochs", "nepochs", "num_epoch", "train_epochs"],
     Like(&["num_train_epochs"])),
    (&["steps", "num_steps", "total_steps", "num_train_steps", "train_steps", "max_iters"],
     Like(&["max_steps"])),
    (&["eval_every", "eval_interval", "eval_freq", "evaluate_every", "val_check_interval"],
     Like(&["eval_steps"])),
    (&["patience", "early_stopping"], Like(&["early_stopping_patience"])),
    (&["save_best", "load_best", "best"], Like(&["load_best_model_at_end"])),
    (&["random_seed", "manual_seed", "random_state"], Like(&["seed"])),
    (&["best_metric", "metric_name"], Like(&["metric_for_best_model"])),
    (&["max_predict_samples", "max_test_samples"], Advice(TEST_IS_WHOLE)),
    (&["limit", "max_samples", "max_examples", "num_samples", "subset"],
     Like(&["max_train_samples", "max_eval_samples"])),
    (&["max_val_samples", "max_validation_samples"], Like(&["max_eval_samples"])),
    (&["pad_to_max_length", "padding", "group_by_length", "dataloader_drop_last",
       "dataloader_pin_memory", "remove_unused_columns", "eval_accumulation_steps"],
     Advice("leave it out: texts are packed without padding, and each is read once per epoch")),
    (&["gradient_checkpointing", "compile", "torch_compile"],
     Advice("leave it out: the program manages memory and speed, see `trainer plan`")),
    (&["weights", "weight", "loss_weights", "pos_weight", "scale_pos_weight", "sample_weight"],
     Like(&["class_weights"])),
    (&["focal_loss", "loss", "criterion", "loss_type"],
     Advice("leave it out: the loss is cross-entropy, see `class_weights` and \
             `label_smoothing_factor`")),
    (&["layerwise_lr_decay", "llrd"], Like(&["learning_rate", "head_learning_rate"])),
    (&["do_train"], Advice("leave it out: `trainer train` trains")),
    // The optimiser.
    (&["lr", "learning_rates", "max_lr", "peak_lr"],
     Like(&["learning_rate", "head_learning_rate"])),
    (&["head_lr", "classifier_lr", "lr_head"], Like(&["head_learning_rate"])),
    (&["wd", "decay", "l2"], Like(&["weight_decay"])),
    (&["beta1"], Like(&["adam_beta1"])),
    (&["beta2"], Like(&["adam_beta2"])),
    (&["betas"], Like(&["adam_beta1", "adam_beta2"])),
    (&["eps", "epsilon", "adam_eps"], Like(&["adam_epsilon"])),
    (&["scheduler", "schedule", "lr_scheduler", "lr_schedule"], Like(&["lr_scheduler_type"])),
    (&["warmup", "warmup_proportion"], Like(&["warmup_ratio", "warmup_steps"])),
    (&["clip", "clip_grad", "grad_clip", "max_norm", "clip_grad_norm", "gradient_clip_val",
       "gradient_clipping"],
     Like(&["max_grad_norm"])),
    (&["optim", "optimizer"], Advice("leave it out: the optimiser is AdamW")),
    // Where it runs.
    (&["bf16"], Value("precision", "bf16")),
    (&["tf32"], Value("precision", "tf32")),
    (&["fp16", "half", "amp"], Advice(FP16)),
    (&["mixed_precision", "dtype", "torch_dtype"], Like(&["precision"])),
    (&["cpu", "no_cuda", "use_cpu"], Value("device", "cpu")),
    (&["gpu", "cuda", "use_cuda"], Value("device", "cuda")),
    (&["gpus", "n_gpu", "n_gpus", "num_gpus", "ngpus", "devices", "n", "np", "nproc",
       "num_processes", "world_size", "nproc_per_node"],
     Like(&["nproc_per_node"])),
    (&["gpus", "n_gpu", "n_gpus", "num_gpus", "ngpus", "devices", "n", "np", "nproc",
       "num_processes", "world_size", "nproc_per_node", "nnodes", "num_nodes", "nodes"],
     Advice(STARTERS)),
    (&["local_rank", "rank", "node_rank", "master_addr", "master_port", "standalone",
       "rdzv_backend", "rdzv_endpoint", "rdzv_id"],
     Advice(MEETING)),
    (&["ddp", "ddp_backend", "fsdp", "deepspeed", "distributed", "dist_backend"], Advice(RANKS)),
    (&["timeout", "ddp_timeout", "nccl_timeout"], Like(&["collective_timeout"])),
    (&["threads", "num_threads", "cpus", "cores"],
     Advice("leave it out: ranks share the cores they may use; RAYON_NUM_THREADS overrides it")),
    // What it writes.
    (&["out", "output", "output_file"], Like(&["output", "output_dir"])),
    (&["out_dir", "save_dir", "save_path", "logdir", "log_dir", "logging_dir", "run_name"],
     Like(&["output_dir"])),
    (&["overwrite", "force", "overwrite_output"], Like(&["overwrite_output_dir"])),
    (&["save_every", "save_interval", "save_freq", "checkpoint_every", "checkpointing_steps"],
     Like(&["save_steps"])),
    (&["save_limit", "keep_last", "max_checkpoints", "max_to_keep"], Like(&["save_total_limit"])),
    (&["log_every", "log_steps", "log_interval", "logging_interval", "log_every_n_steps",
       "print_freq"],
     Like(&["logging_steps"])),
    (&["log_level", "disable_tqdm", "no_progress", "silent"], Like(&["quiet", "verbose"])),
    (&["json_logs", "log_json"], Like(&["log_format"])),
    (&["logging_strategy"], Like(&["logging_steps", "report_to"])),
    (&["push_to_hub", "hub_model_id", "hub_strategy", "hub_private_repo"],
     Advice("not supported: upload the output directory with `hf upload`")),
    (&["save_safetensors", "save_only_model"],
     Advice("leave it out: weights are always saved as safetensors; `save_strategy` sets when")),
    (&["wandb", "wandb_project", "mlflow"], Advice(NO_SERVICE)),
    (&["tensorboard", "tb"], Value("report_to", "console,jsonl,tensorboard")),
    (&["output_format"], Like(&["format"])),
    (&["config", "config_file", "cfg"], Advice("pass the file without a flag: `trainer train CONFIG.toml`")),
    (&["use_fast_tokenizer", "trust_remote_code"],
     Advice("leave it out: nothing of a model's directory is executed, and there is one tokenizer")),
    (&["overwrite_cache", "no_cache"], Like(&["token_cache"])),
    (&["offline", "local_files_only", "hf_hub_offline"],
     Advice("leave it out: set HF_HUB_OFFLINE=1 to use only what is in the cache")),
    (&["cache_dir"], Advice("leave it out: set HF_HOME to choose where models from the hub are kept")),
    (&["token", "hub_token", "use_auth_token"], Advice("leave it out: set HF_TOKEN")),
];
