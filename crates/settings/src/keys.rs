//! Every key of a training run: the table that TOML, flags, `--set`, the help and `run.toml` share.
//!
//! Names follow Hugging Face's `Trainer` where it has a name. A new key is one item here, one line
//! in [`ALL`], and its meaning in `plan.rs`.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use lockstep_data::{MaxLength, OnBadRow};
use lockstep_flags::{
    BELOW_ONE, DIRECTORY, DROPPED, Entries, FILE, Key, POSITIVE, SIZE, SWITCH, TEXT, UNIT, UPDATES,
    WHOLE,
};
use lockstep_host::{DeviceChoice, Precision};
use lockstep_model::HeadKind;
use lockstep_optim::ScheduleShape;
use lockstep_trainer::Graphs;

use super::tables::{self, DATA, OPTIM, RUN, TRAIN};
use super::terms::{
    DATA_SOURCE, DEVICE_CHOICE, DataSource, GRAPHS, HEAD, LENGTH, MODEL_NAME, ModelName,
    ON_BAD_ROW, PRECISION, REPORTERS, RESUME, Reporter, Resume, SCHEDULE, STRATEGY, Strategy,
};

/// All keys, in the order in which they are listed and written.
pub static ALL: &Entries = &[
    &MODEL,
    &HEAD_TYPE,
    &DROPOUT,
    &ATTENTION_DROPOUT,
    &HEAD_DROPOUT,
    &IGNORE_MISMATCH,
    &TRAIN_FILE,
    &VALIDATION_FILE,
    &TEST_FILE,
    &TEXT_COLUMN,
    &LABEL_COLUMN,
    &LABEL_MAP,
    &MAX_SEQ_LENGTH,
    &BAD_ROWS,
    &NO_SHUFFLE,
    &NUM_TRAIN_EPOCHS,
    &MAX_STEPS,
    &PER_DEVICE_BATCH,
    &GLOBAL_BATCH,
    &ACCUMULATION,
    &EVAL_STRATEGY,
    &EVAL_STEPS,
    &EARLY_STOPPING,
    &LOAD_BEST,
    &SEED,
    &LEARNING_RATE,
    &HEAD_LEARNING_RATE,
    &WEIGHT_DECAY,
    &NO_DECAY_BIAS_NORM,
    &ADAM_BETA1,
    &ADAM_BETA2,
    &ADAM_EPSILON,
    &SCHEDULER,
    &WARMUP_RATIO,
    &WARMUP_STEPS,
    &MAX_GRAD_NORM,
    &DEVICE,
    &ALLOW_GPU_SHARING,
    &PRECISION_KEY,
    &CUDA_GRAPHS,
    &OUTPUT_DIR,
    &OVERWRITE,
    &RESUME_KEY,
    &SAVE_STRATEGY,
    &SAVE_STEPS,
    &SAVE_TOTAL_LIMIT,
    &LOGGING_STEPS,
    &REPORT_TO,
    &PEER_TIMEOUT,
    &REPLICA_CHECK,
];

/// What is trained.
pub static MODEL: Key<ModelName> =
    Key::new(tables::MODEL, "model", MODEL_NAME, "what to start from")
        .or("distilbert-base-uncased");
/// Which head is put on it.
pub static HEAD_TYPE: Key<HeadKind> =
    Key::new(tables::MODEL, "head", HEAD, "the recipe's, or Hugging Face's own").or("mlp");
/// Dropout in the encoder's hidden states.
pub static DROPOUT: Key<f32> =
    Key::new(tables::MODEL, "dropout", DROPPED, "in the encoder (else as in config.json)");
/// Dropout on attention probabilities.
pub static ATTENTION_DROPOUT: Key<f32> =
    Key::new(tables::MODEL, "attention_dropout", DROPPED, "on attention (else as in config.json)");
/// Dropout in the head.
pub static HEAD_DROPOUT: Key<f32> = Key::new(
    tables::MODEL,
    "head_dropout",
    DROPPED,
    "in the head (else 0.3; hf: as in config.json)",
);
/// What becomes of a head for other classes.
pub static IGNORE_MISMATCH: Key<bool> = Key::new(
    tables::MODEL,
    "ignore_mismatched_sizes",
    SWITCH,
    "a fresh head where the model's is for other classes",
)
.or("false");

/// What the model learns from.
pub static TRAIN_FILE: Key<DataSource> =
    Key::new(DATA, "train_file", DATA_SOURCE, "examples to learn from: .tsv, .csv, .jsonl");
/// What it is judged on while it learns.
pub static VALIDATION_FILE: Key<DataSource> =
    Key::new(DATA, "validation_file", DATA_SOURCE, "examples to evaluate on while training");
/// What it is judged on once, at the end.
pub static TEST_FILE: Key<DataSource> =
    Key::new(DATA, "test_file", DATA_SOURCE, "examples to evaluate the final model on");
/// Where the texts stand.
pub static TEXT_COLUMN: Key<String> =
    Key::new(DATA, "text_column", TEXT, "column of the texts (else detected)");
/// Where the labels stand.
pub static LABEL_COLUMN: Key<String> =
    Key::new(DATA, "label_column", TEXT, "column of the labels (else detected)");
/// What the labels are called.
pub static LABEL_MAP: Key<PathBuf> =
    Key::new(DATA, "label_map", FILE, "JSON object: each label's class (else its own name)");
/// Where texts are cut.
pub static MAX_SEQ_LENGTH: Key<MaxLength> =
    Key::new(DATA, "max_seq_length", LENGTH, "tokens after which a text is cut").or("128");
/// The same for a model that is trained; not among [`ALL`].
pub static LIMIT: Key<MaxLength> =
    Key::new(DATA, "max_seq_length", LENGTH, "tokens after which a text is cut (else as trained)");
/// What happens to rows that cannot be used.
pub static BAD_ROWS: Key<OnBadRow> =
    Key::new(DATA, "on_bad_row", ON_BAD_ROW, "what a row that cannot be used leads to").or("fail");
/// Whether the order of the file is kept.
pub static NO_SHUFFLE: Key<bool> =
    Key::new(DATA, "no_shuffle", SWITCH, "read in file order, for comparisons").or("false");

/// Passes over the training set.
pub static NUM_TRAIN_EPOCHS: Key<f64> =
    Key::new(TRAIN, "num_train_epochs", POSITIVE, "passes over the training file").or("3");
/// Updates, instead of passes.
pub static MAX_STEPS: Key<NonZeroU64> =
    Key::new(TRAIN, "max_steps", UPDATES, "updates, instead of num_train_epochs");
/// Examples of one pass on one device.
pub static PER_DEVICE_BATCH: Key<NonZeroUsize> = Key::new(
    TRAIN,
    "per_device_train_batch_size",
    SIZE,
    "examples a device takes at once (16), or:",
);
/// Examples of one update.
pub static GLOBAL_BATCH: Key<NonZeroUsize> =
    Key::new(TRAIN, "global_batch_size", SIZE, "examples an update takes, on any number of ranks");
/// Passes of one update.
pub static ACCUMULATION: Key<NonZeroUsize> =
    Key::new(TRAIN, "gradient_accumulation_steps", SIZE, "passes an update is split into").or("1");
/// When the validation file is evaluated.
pub static EVAL_STRATEGY: Key<Strategy> =
    Key::new(TRAIN, "eval_strategy", STRATEGY, "when to evaluate").or("epoch");
/// How often, with `steps`.
pub static EVAL_STEPS: Key<NonZeroU64> =
    Key::new(TRAIN, "eval_steps", UPDATES, "updates between evaluations, with steps");
/// How long an accuracy that no longer rises is borne.
pub static EARLY_STOPPING: Key<NonZeroUsize> = Key::new(
    TRAIN,
    "early_stopping_patience",
    SIZE,
    "end after so many evaluations without a better one",
);
/// Which weights the final model has.
pub static LOAD_BEST: Key<bool> = Key::new(
    TRAIN,
    "load_best_model_at_end",
    SWITCH,
    "keep the most accurate weights, not the last",
)
.or("false");
/// Where all randomness comes from.
pub static SEED: Key<u64> =
    Key::new(TRAIN, "seed", WHOLE, "where order, dropout and fresh weights come from").or("42");

/// The encoder's highest rate.
pub static LEARNING_RATE: Key<f64> =
    Key::new(OPTIM, "learning_rate", UNIT, "highest rate of the encoder").or("2e-5");
/// The head's highest rate.
pub static HEAD_LEARNING_RATE: Key<f64> =
    Key::new(OPTIM, "head_learning_rate", UNIT, "highest rate of the head").or("1e-4");
/// AdamW's decay.
pub static WEIGHT_DECAY: Key<f64> =
    Key::new(OPTIM, "weight_decay", UNIT, "decoupled decay, of every parameter").or("0.01");
/// Hugging Face's rule for the decay.
pub static NO_DECAY_BIAS_NORM: Key<bool> =
    Key::new(OPTIM, "no_decay_bias_norm", SWITCH, "spare biases and norms, as Hugging Face does")
        .or("false");
/// AdamW's first constant.
pub static ADAM_BETA1: Key<f64> =
    Key::new(OPTIM, "adam_beta1", BELOW_ONE, "memory of the first moment").or("0.9");
/// AdamW's second constant.
pub static ADAM_BETA2: Key<f64> =
    Key::new(OPTIM, "adam_beta2", BELOW_ONE, "memory of the second moment").or("0.999");
/// AdamW's third constant.
pub static ADAM_EPSILON: Key<f64> =
    Key::new(OPTIM, "adam_epsilon", POSITIVE, "added to the denominator").or("1e-8");
/// The shape of the schedule.
pub static SCHEDULER: Key<ScheduleShape> =
    Key::new(OPTIM, "lr_scheduler_type", SCHEDULE, "how the rates go on after the warm-up")
        .or("linear");
/// The warm-up's share of the run.
pub static WARMUP_RATIO: Key<f64> =
    Key::new(OPTIM, "warmup_ratio", UNIT, "share of the updates in which the rates rise").or("0.1");
/// The warm-up's updates.
pub static WARMUP_STEPS: Key<u64> =
    Key::new(OPTIM, "warmup_steps", WHOLE, "the same as a number of updates");
/// Where gradients are clipped.
pub static MAX_GRAD_NORM: Key<f64> =
    Key::new(OPTIM, "max_grad_norm", POSITIVE, "global norm that gradients are clipped to")
        .or("1.0");

/// Where the run computes.
pub static DEVICE: Key<DeviceChoice> =
    Key::new(RUN, "device", DEVICE_CHOICE, "where to compute").or("auto");
/// Whether ranks may have one GPU together.
pub static ALLOW_GPU_SHARING: Key<bool> =
    Key::new(RUN, "allow_gpu_sharing", SWITCH, "let several ranks compute on one GPU: for tests")
        .or("false");
/// In which precision.
pub static PRECISION_KEY: Key<Precision> =
    Key::new(RUN, "precision", PRECISION, "of the passes that learn; the weights are f32")
        .or("f32");
/// How the host starts the updates of a GPU.
pub static CUDA_GRAPHS: Key<Graphs> =
    Key::new(RUN, "cuda_graphs", GRAPHS, "start each update of a GPU as one graph").or("on");
/// Where everything is written.
pub static OUTPUT_DIR: Key<PathBuf> =
    Key::new(RUN, "output_dir", DIRECTORY, "where all goes (else runs/<name of the config>)");
/// Whether an earlier run there may be replaced.
pub static OVERWRITE: Key<bool> =
    Key::new(RUN, "overwrite_output_dir", SWITCH, "replace an earlier run there").or("false");
/// What is gone on from.
pub static RESUME_KEY: Key<Resume> =
    Key::new(RUN, "resume", RESUME, "go on from the newest or from this checkpoint").or("never");
/// When a checkpoint is written.
pub static SAVE_STRATEGY: Key<Strategy> =
    Key::new(RUN, "save_strategy", STRATEGY, "when to write a checkpoint").or("epoch");
/// How often, with `steps`.
pub static SAVE_STEPS: Key<NonZeroU64> =
    Key::new(RUN, "save_steps", UPDATES, "updates between checkpoints, with steps");
/// How many stay.
pub static SAVE_TOTAL_LIMIT: Key<NonZeroUsize> =
    Key::new(RUN, "save_total_limit", SIZE, "checkpoints that stay, beside the best (else all)");
/// How often the console says something.
pub static LOGGING_STEPS: Key<NonZeroU64> =
    Key::new(RUN, "logging_steps", UPDATES, "updates between lines on the console").or("10");
/// Who is told.
pub static REPORT_TO: Key<Vec<Reporter>> =
    Key::new(RUN, "report_to", REPORTERS, "who is told: console, jsonl").or("console,jsonl");
/// How long a silent rank is borne.
pub static PEER_TIMEOUT: Key<NonZeroU64> =
    Key::new(RUN, "peer_timeout", UPDATES, "seconds after which a silent rank is given up")
        .or("10");
/// When replicas are compared.
pub static REPLICA_CHECK: Key<NonZeroU64> =
    Key::new(RUN, "replica_check_steps", UPDATES, "updates between comparisons of all replicas");
