//! Every key of a training run: the table that TOML, flags, `--set`, the help and `run.toml` share.
//!
//! Names follow Hugging Face's `Trainer` where it has a name. A new key is one row here and one
//! use: see [`RunPlan::find`](super::RunPlan::find).

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use lockstep_data::{Delimiter, MaxLength, OnBadRow, TextEncoding};
use lockstep_flags::{
    BELOW_ONE, DIRECTORY, DROPPED, Entries, FILE, Key, POSITIVE, SIZE, SWITCH, TEXT, UNIT, UPDATES,
    WHOLE,
};
use lockstep_host::{DeviceChoice, LogFormat, PrecisionChoice};
use lockstep_model::HeadKind;
use lockstep_optim::ScheduleShape;
use lockstep_trainer::{BestMetric, Graphs};

use super::class_weights::{CLASS_WEIGHTS_KIND, ClassWeights};
use super::key_list::keys;
use super::report_terms::{LOG_FORMATS, REPORTERS, Reporter};
use super::seeds::{SEEDS_KIND, Seeds};
use super::table_terms::{DELIMITER, ENCODING};
use super::tables::{self, DATA, OPTIM, RUN, TRAIN};
use super::terms::{
    DATA_SOURCE, DEVICE_CHOICE, DataSource, GRAPHS, HEAD, LENGTH, METRIC, MODEL_NAME, ModelName,
    NON_FINITE, NonFinite, ON_BAD_ROW, PRECISION, RESUME, Resume, SCHEDULE, SECONDS, STRATEGY,
    Strategy, TOKEN_PLACE, TokenPlace,
};

keys! {
    MODEL: ModelName = Key::new(tables::MODEL, "model", MODEL_NAME, "model to start from")
        .or("distilbert-base-uncased");
    HEAD_TYPE: HeadKind = Key::new(
        tables::MODEL, "head", HEAD,
        "classification head: the recipe's MLP, or Hugging Face's",
    ).or("mlp");
    DROPOUT: f32 = Key::new(tables::MODEL, "dropout", DROPPED, "dropout in the encoder")
        .or_else("as in config.json");
    ATTENTION_DROPOUT: f32 = Key::new(
        tables::MODEL, "attention_dropout", DROPPED,
        "dropout on attention",
    ).or_else("as in config.json");
    HEAD_DROPOUT: f32 = Key::new(tables::MODEL, "head_dropout", DROPPED, "dropout in the head")
        .or_else("0.3; hf: as in config.json");
    IGNORE_MISMATCH: bool = Key::new(
        tables::MODEL, "ignore_mismatched_sizes", SWITCH,
        "replace a head for other classes with a fresh one",
    ).or("false");

    TRAIN_FILE: DataSource = Key::new(
        DATA, "train_file", DATA_SOURCE,
        "training examples: a file, or hub:OWNER/NAME[:CONFIG]:SPLIT",
    );
    VALIDATION_FILE: DataSource = Key::new(
        DATA, "validation_file", DATA_SOURCE,
        "validation examples, evaluated while training",
    );
    VALIDATION_SPLIT: f64 = Key::new(
        DATA, "validation_split", BELOW_ONE,
        "share of the training texts to evaluate on instead of a validation file",
    ).or_else("0");
    MAX_TRAIN_SAMPLES: NonZeroUsize = Key::new(
        DATA, "max_train_samples", SIZE,
        "training examples to use at most: a sample by the seed, with no_shuffle the first ones",
    ).or_else("all");
    MAX_EVAL_SAMPLES: NonZeroUsize = Key::new(
        DATA, "max_eval_samples", SIZE,
        "validation examples to use at most, chosen in the same way",
    ).or_else("all");
    TEST_FILE: DataSource = Key::new(
        DATA, "test_file", DATA_SOURCE,
        "test examples, evaluated once with the final model",
    );
    TEXT_COLUMN: String = Key::new(
        DATA, "text_column", TEXT,
        "column with the texts (of a pair both: a,b), or its number where there is no header",
    ).or_else("detected");
    LABEL_COLUMN: String = Key::new(
        DATA, "label_column", TEXT,
        "column with the labels; its number from 1 where there is no header",
    ).or_else("detected");
    NO_HEADER: bool = Key::new(
        DATA, "no_header", SWITCH,
        "the first line of a table is a row: columns are numbered from 1",
    ).or("false");
    DELIMITER_KEY: Delimiter = Key::new(
        DATA, "delimiter", DELIMITER,
        "character between the cells of a table",
    ).or_else("detected");
    ENCODING_KEY: TextEncoding = Key::new(
        DATA, "encoding", ENCODING,
        "encoding of text files",
    ).or_else("UTF-8, or UTF-16 with a byte order mark");
    LABEL_MAP: PathBuf =
        Key::new(DATA, "label_map", FILE, "JSON file that maps each label to its class name");
    MAX_SEQ_LENGTH: MaxLength = Key::new(
        DATA, "max_seq_length", LENGTH,
        "maximum tokens of a text; longer texts are truncated",
    ).or("128");
    BAD_ROWS: OnBadRow = Key::new(
        DATA, "on_bad_row", ON_BAD_ROW,
        "fail on a row that cannot be used, or skip and count it",
    ).or("fail");
    TOKEN_CACHE: TokenPlace = Key::new(
        DATA, "token_cache", TOKEN_PLACE,
        "folder that keeps tokens for the next run, or off",
    ).or_else("~/.cache/lockstep/tokens");
    NO_SHUFFLE: bool = Key::new(
        DATA, "no_shuffle", SWITCH,
        "read examples in file order, for comparisons",
    ).or("false");

    NUM_TRAIN_EPOCHS: f64 =
        Key::new(TRAIN, "num_train_epochs", POSITIVE, "passes over the training file").or("3");
    MAX_STEPS: NonZeroU64 =
        Key::new(TRAIN, "max_steps", UPDATES, "number of updates; replaces num_train_epochs");
    PER_DEVICE_BATCH: NonZeroUsize = Key::new(
        TRAIN, "per_device_train_batch_size", SIZE,
        "examples per device and pass",
    ).or_else("16");
    GLOBAL_BATCH: NonZeroUsize =
        Key::new(TRAIN, "global_batch_size", SIZE, "examples per update, on any number of ranks");
    ACCUMULATION: NonZeroUsize = Key::new(
        TRAIN, "gradient_accumulation_steps", SIZE,
        "passes that an update is split into",
    ).or("1");
    DETERMINISTIC: bool = Key::new(
        TRAIN, "deterministic", SWITCH,
        "same weights, bit for bit, on 1 to 8 ranks; slower",
    ).or("false");
    CLASS_WEIGHTS: ClassWeights = Key::new(
        TRAIN, "class_weights", CLASS_WEIGHTS_KIND,
        "how much each class counts in the loss",
    ).or_else("all 1");
    LABEL_SMOOTHING: f64 = Key::new(
        TRAIN, "label_smoothing_factor", BELOW_ONE,
        "share of each target that is spread over all classes",
    ).or("0");
    EVAL_STRATEGY: Strategy =
        Key::new(TRAIN, "eval_strategy", STRATEGY, "when to evaluate").or("epoch");
    EVAL_STEPS: NonZeroU64 = Key::new(
        TRAIN, "eval_steps", UPDATES,
        "updates between evaluations, for eval_strategy = steps",
    );
    EARLY_STOPPING: NonZeroUsize = Key::new(
        TRAIN, "early_stopping_patience", SIZE,
        "evaluations without improvement after which the run ends",
    );
    BEST_METRIC: BestMetric = Key::new(
        TRAIN, "metric_for_best_model", METRIC,
        "what evaluations are compared by, for the best model and early stopping",
    ).or("accuracy");
    GREATER_IS_BETTER: bool = Key::new(
        TRAIN, "greater_is_better", SWITCH,
        "whether more of metric_for_best_model is better",
    ).or_else("false for loss, else true");
    LOAD_BEST: bool = Key::new(
        TRAIN, "load_best_model_at_end", SWITCH,
        "keep the weights of the best evaluation, not the last ones",
    ).or("false");
    SEED: u64 = Key::new(
        TRAIN, "seed", WHOLE,
        "random seed of example order, dropout and fresh weights",
    ).or("42");
    SEEDS: Seeds = Key::new(
        TRAIN, "seeds", SEEDS_KIND,
        "one training per seed: so many from seed on, or these",
    );

    LEARNING_RATE: f64 =
        Key::new(OPTIM, "learning_rate", UNIT, "peak learning rate of the encoder").or("2e-5");
    HEAD_LEARNING_RATE: f64 =
        Key::new(OPTIM, "head_learning_rate", UNIT, "peak learning rate of the head").or("1e-4");
    WEIGHT_DECAY: f64 = Key::new(
        OPTIM, "weight_decay", UNIT,
        "decoupled weight decay, of every parameter",
    ).or("0.01");
    NO_DECAY_BIAS_NORM: bool = Key::new(
        OPTIM, "no_decay_bias_norm", SWITCH,
        "no weight decay for biases and norms, as in Hugging Face",
    ).or("false");
    ADAM_BETA1: f64 =
        Key::new(OPTIM, "adam_beta1", BELOW_ONE, "decay rate of the first moment").or("0.9");
    ADAM_BETA2: f64 =
        Key::new(OPTIM, "adam_beta2", BELOW_ONE, "decay rate of the second moment").or("0.999");
    ADAM_EPSILON: f64 =
        Key::new(OPTIM, "adam_epsilon", POSITIVE, "added to AdamW's denominator").or("1e-8");
    SCHEDULER: ScheduleShape = Key::new(
        OPTIM, "lr_scheduler_type", SCHEDULE,
        "learning-rate schedule after the warm-up",
    ).or("linear");
    WARMUP_RATIO: f64 =
        Key::new(OPTIM, "warmup_ratio", UNIT, "warm-up, as a fraction of all updates").or("0.1");
    WARMUP_STEPS: u64 = Key::new(OPTIM, "warmup_steps", WHOLE, "warm-up, as a number of updates");
    MAX_GRAD_NORM: f64 = Key::new(
        OPTIM, "max_grad_norm", POSITIVE,
        "global norm that gradients are clipped to",
    ).or("1.0");
    ON_NONFINITE: NonFinite = Key::new(
        OPTIM, "on_nonfinite", NON_FINITE,
        "fail on an update with infinite or NaN loss or gradient, or skip it",
    ).or("fail");
    MAX_SKIPPED: NonZeroU64 = Key::new(
        OPTIM, "max_skipped_updates", UPDATES,
        "updates in a row that may be skipped",
    ).or_else("10");

    DEVICE: DeviceChoice =
        Key::new(RUN, "device", DEVICE_CHOICE, "device to compute on").or("auto");
    ALLOW_GPU_SHARING: bool = Key::new(
        RUN, "allow_gpu_sharing", SWITCH,
        "let several ranks share one GPU, for tests",
    ).or("false");
    PRECISION_KEY: PrecisionChoice = Key::new(
        RUN, "precision", PRECISION,
        "precision of the training passes; weights are f32",
    ).or("f32");
    CUDA_GRAPHS: Graphs = Key::new(
        RUN, "cuda_graphs", GRAPHS,
        "start each update on a GPU as one CUDA graph",
    ).or("on");
    OUTPUT_DIR: PathBuf = Key::new(RUN, "output_dir", DIRECTORY, "output directory")
        .or_else("runs/NAME, of the config or the data");
    OVERWRITE: bool = Key::new(
        RUN, "overwrite_output_dir", SWITCH,
        "replace an earlier run in the output directory",
    ).or("false");
    RESUME_KEY: Resume = Key::new(
        RUN, "resume", RESUME,
        "resume from the newest checkpoint, or from this one",
    ).or("never");
    SAVE_STRATEGY: Strategy =
        Key::new(RUN, "save_strategy", STRATEGY, "when to write a checkpoint").or("epoch");
    SAVE_STEPS: NonZeroU64 = Key::new(
        RUN, "save_steps", UPDATES,
        "updates between checkpoints, for save_strategy = steps",
    );
    SAVE_TOTAL_LIMIT: NonZeroUsize = Key::new(
        RUN, "save_total_limit", SIZE,
        "checkpoints to keep, besides the best",
    ).or_else("all");
    LOGGING_STEPS: NonZeroU64 = Key::new(
        RUN, "logging_steps", UPDATES,
        "updates between lines on the console, and between points in TensorBoard",
    ).or("10");
    LOGGING_FIRST_STEP: bool = Key::new(
        RUN, "logging_first_step", SWITCH,
        "a line on the console for the first update too",
    ).or("false");
    REPORT_TO: Vec<Reporter> = Key::new(
        RUN, "report_to", REPORTERS,
        "where to report: console, jsonl, tensorboard",
    ).or("console,jsonl");
    LOG_FORMAT: LogFormat = Key::new(
        RUN, "log_format", LOG_FORMATS,
        "lines on the console for people, or one JSON object a line",
    ).or("text");
    QUIET: bool =
        Key::new(RUN, "quiet", SWITCH, "warnings, errors and the closing lines only").or("false");
    VERBOSE: bool =
        Key::new(RUN, "verbose", SWITCH, "also how much ranks exchanged, and how fast").or("false");
    TRACE: PathBuf =
        Key::new(RUN, "trace", FILE, "file for a Chrome trace of the first updates on all ranks");
    PEER_TIMEOUT: NonZeroU64 = Key::new(
        RUN, "peer_timeout", UPDATES,
        "seconds after which a silent rank counts as lost",
    ).or("10");
    STARTUP_TIMEOUT: Option<Duration> = Key::new(
        RUN, "startup_timeout", SECONDS,
        "seconds to wait for a rank until the first update is over",
    ).or("600");
    COLLECTIVE_TIMEOUT: Option<Duration> = Key::new(
        RUN, "collective_timeout", SECONDS,
        "seconds to wait for a rank after the first update",
    ).or("60");
    SAVE_TIMEOUT: Option<Duration> = Key::new(
        RUN, "save_timeout", SECONDS,
        "seconds to wait for a rank that writes files",
    ).or("600");
    REPLICA_CHECK: NonZeroU64 = Key::new(
        RUN, "replica_check_steps", UPDATES,
        "updates between comparisons of all replicas",
    ).or_else("500, on GPUs 10000");
}

/// The same for a model that is trained; not among [`ALL`].
pub static LIMIT: Key<MaxLength> =
    Key::new(DATA, "max_seq_length", LENGTH, "maximum tokens of a text").or_else("as trained");
