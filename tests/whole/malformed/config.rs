//! Configuration files with faults, and wishes that contradict each other or cannot be granted.

use super::case::Case;

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [files(), keys(), values(), contradictions(), limits()].into_iter().flatten().collect()
}

/// A run that would do, but for what `toml` adds.
fn run_of(name: &'static str, toml: &str) -> Case {
    let data = "[data]\ntrain_file = \"train.tsv\"\n";
    let toml = if toml.contains("[data]") { toml.to_owned() } else { format!("{data}{toml}") };
    Case::new(name, "run.toml")
        .file("run.toml", toml)
        .file("train.tsv", "text\tlabel\na\tx\nb\ty\n")
}

/// The same with weights of the classes, and a model that is here.
fn weights_of(name: &'static str, weights: &str) -> Case {
    let model = "[model]\nmodel = \"builtin:tiny\"\n";
    run_of(name, &format!("{model}[train]\nclass_weights = {weights}\n"))
}

/// The same with more keys of the data.
fn data_of(name: &'static str, keys: &str) -> Case {
    run_of(
        name,
        &format!("[data]\ntrain_file = \"train.tsv\"\n{keys}[model]\nmodel = \"builtin:tiny\"\n"),
    )
}

fn files() -> Vec<Case> {
    vec![
        Case::new("a configuration that is not there", "configs/sst2.toml"),
        Case::new("a directory instead of a configuration", "configs.toml").folder("configs.toml"),
        Case::new("a configuration that is not UTF-8", "run.toml")
            .file("run.toml", b"[data]\ntrain_file = \"caf\xe9.tsv\"\n"),
        Case::new("an empty configuration", "run.toml").file("run.toml", ""),
        Case::new("two configurations", "a.toml b.toml")
            .file("a.toml", "[data]\ntrain_file = \"train.tsv\"\n")
            .file("b.toml", ""),
        Case::new("a data file as the configuration", "train.tsv")
            .file("train.tsv", "text\tlabel\nfine\tglad\nbleak\tsad\n"),
        run_of("a string that is not closed", "[train]\nseed = 1\n[model]\nmodel = \"a\n"),
        run_of("a value that is missing", "[train]\nseed =\n[optim]\nlearning_rate 1e-5\n"),
        run_of("a key written twice", "[train]\nseed = 1\nseed = 2\n"),
        run_of("a table written twice", "[train]\nseed = 1\n[train]\nmax_steps = 2\n"),
        run_of(
            "a hundred thousand brackets",
            &format!("[train]\nseed = {}\n", "[".repeat(100_000)),
        ),
        run_of("a hundred thousand dots", &format!("[{}]\n", vec!["a"; 100_000].join("."))),
    ]
}

fn keys() -> Vec<Case> {
    vec![
        run_of("an unknown key with a known one near", "[optim]\nlerning_rate = 1e-5\n"),
        run_of("an unknown key with none near", "[optim]\nmomentum = 0.9\n"),
        run_of("a key in the wrong table", "[train]\nlearning_rate = 1e-5\n"),
        run_of("an unknown table", "[optimizer]\nlearning_rate = 1e-5\n"),
        Case::new("a key outside of all tables", "run.toml")
            .file("run.toml", "seed = 3\n[data]\ntrain_file = \"train.tsv\"\n"),
        Case::new("a file without tables", "run.toml")
            .file(
                "run.toml",
                "train_file = \"train.tsv\"\nvalidation_file = \"train.tsv\"\neval_strategy = \"steps\"\n\
                 eval_steps = 5\nmax_steps = \"5\"\nlr = 1e-5\n",
            )
            .file("train.tsv", "text\tlabel\na\tx\nb\ty\n"),
        Case::new("a table with a typing error", "run.toml")
            .file("run.toml", "[dta]\ntrain_file = \"train.tsv\"\ntext_colum = \"text\"\n")
            .file("train.tsv", "text\tlabel\na\tx\nb\ty\n"),
        Case::new("a table of another program", "run.toml")
            .file("run.toml", "[trainer]\nmax_steps = 5\n[files]\ntrain_file = \"train.tsv\"\nx = 1\n")
            .file("train.tsv", "text\tlabel\na\tx\nb\ty\n"),
        run_of("a table where a value belongs", "[train.seed]\nvalue = 1\n"),
    ]
}

fn values() -> Vec<Case> {
    vec![
        run_of("a number in quotes", "[train]\nseed = \"7\"\n"),
        run_of("a series of one seed", "[train]\nseeds = 1\n"),
        run_of("a seed that is listed twice", "[train]\nseeds = [1, 2, 1]\n"),
        run_of("a fraction of an epoch's batch", "[train]\nglobal_batch_size = 16.5\n"),
        run_of("numbers out of range", "[optim]\nlearning_rate = -1\nwarmup_ratio = 1.5\nadam_beta2 = 1.0\n"),
        run_of("numbers that are none", "[optim]\nlearning_rate = nan\nmax_grad_norm = inf\n"),
        run_of("numbers beyond all sizes", "[train]\nseed = 99999999999999999999\nmax_steps = 0\n"),
        run_of("an unknown word", "[model]\nhead = \"linear\"\n[run]\nsave_strategy = \"step\"\n"),
        run_of("an unknown word for losses that are none", "[optim]\non_nonfinite = \"ignore\"\n"),
        run_of("weights that are no numbers", "[train]\nclass_weights = \"x=heavy\"\n"),
        run_of("weights that are not above zero", "[train]\nclass_weights = \"0,-1\"\n"),
        weights_of("weights for another number of classes", "\"1,2,3\""),
        weights_of("a weight for an unknown class", "'{\"glad\": 2}'"),
        run_of("smoothing of all", "[train]\nlabel_smoothing_factor = 1\n"),
        run_of("an unknown metric", "[train]\nmetric_for_best_model = \"precision\"\n"),
        data_of("a delimiter of two characters", "delimiter = \"::\"\n"),
        data_of("a letter as the delimiter", "delimiter = \"x\"\n"),
        data_of("an unknown encoding", "encoding = \"ebcdic\"\n"),
        data_of("a header that may be there", "no_header = \"maybe\"\n"),
        data_of("a column by name where there is no header", "no_header = true\ntext_column = \"text\"\n"),
        data_of("a share of all texts", "validation_split = 1\n"),
        data_of("a share of less than one text", "validation_split = 0.01\n"),
        data_of("a folder of tokens that is empty", "token_cache = \"\"\n"),
        data_of("a sample of nothing", "max_train_samples = 0\nmax_eval_samples = -1\n"),
        data_of("a share as a sample", "max_train_samples = 0.5\n"),
        run_of("a switch with a word", "[train]\nload_best_model_at_end = \"yes\"\n"),
        run_of("no training file", "[data]\nvalidation_file = \"train.tsv\"\n"),
        run_of("an empty name", "[model]\nmodel = \"\"\n[run]\noutput_dir = \"\"\n"),
        run_of(
            "many faults at once",
            "[optim]\nlerning_rate = 1\nwarmup_ratio = 7\n[train]\nseed = \"a\"\n[modell]\nhead = 1\n",
        )
        .word("--device=tpu")
        .word("--set")
        .word("run.precision=f16"),
    ]
}

fn contradictions() -> Vec<Case> {
    let both = "[train]\nper_device_train_batch_size = 8\nglobal_batch_size = 16\n";
    let evaluated = "[data]\ntrain_file = \"train.tsv\"\nvalidation_file = \"train.tsv\"\n";
    let with = |name, further: &str| run_of(name, &format!("{evaluated}{further}"));
    vec![
        run_of("both batch sizes", both),
        run_of("a seed beside a list of seeds", "[train]\nseed = 3\nseeds = [1, 2]\n"),
        run_of("a series that resumes from one checkpoint", "[train]\nseeds = 2\n")
            .word("--resume=out/seed-42/checkpoint-5"),
        run_of("a trace of a series", "[train]\nseeds = 2\n[run]\ntrace = \"t.json\"\n"),
        run_of(
            "a batch per device in deterministic mode",
            "[train]\ndeterministic = true\nper_device_train_batch_size = 8\n",
        ),
        run_of("deterministic mode on a GPU", "[train]\ndeterministic = true\n")
            .word("--device=cuda"),
        run_of("both warm-ups", "[optim]\nwarmup_ratio = 0.1\nwarmup_steps = 10\n"),
        run_of(
            "a warm-up longer than the run",
            "[train]\nmax_steps = 5\n[optim]\nwarmup_steps = 10\n",
        ),
        run_of(
            "more passes than examples",
            "[train]\nglobal_batch_size = 2\ngradient_accumulation_steps = 4\n",
        ),
        run_of(
            "the best model without a validation file",
            "[train]\nload_best_model_at_end = true\n",
        ),
        with(
            "the best model without evaluations",
            "[train]\nload_best_model_at_end = true\neval_strategy = \"no\"\n",
        ),
        with(
            "the best model without checkpoints",
            "[train]\nload_best_model_at_end = true\n[run]\nsave_strategy = \"no\"\n",
        ),
        with("evaluations after no number of steps", "[train]\neval_strategy = \"steps\"\n"),
        with("a number of steps for evaluations by epoch", "[train]\neval_steps = 10\n"),
        run_of("a limit of skipped updates, and no skipping", "[optim]\nmax_skipped_updates = 3\n"),
    ]
}

fn limits() -> Vec<Case> {
    vec![
        run_of("a data set of the hub without its split", "[data]\ntrain_file = \"hub:glue\"\n"),
        run_of("a data set from the hub", "[data]\ntrain_file = \"hub:nyu-mll/glue:sst2:train\"\n"),
        run_of("a data set that is not built in", "[data]\ntrain_file = \"builtin:imdb\"\n"),
        run_of("an unknown reporter", "[run]\nreport_to = \"wandb\"\n"),
        run_of("a GPU", "[run]\ndevice = \"cuda\"\n"),
        run_of("tensor cores", "[run]\nprecision = \"tf32\"\n"),
        run_of("a text longer than the model's positions", "[model]\nmodel = \"<reference>\"\n")
            .word("--model=<reference>/tiny")
            .word("--max-seq-length=512"),
    ]
}
