//! An update in deterministic mode beside an ordinary one, on one rank and on two.
//!
//! Both read the same global batch on the same cores. The ways take turns in each round; of a run the
//! median update counts, without the first ones.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, thread};

use candle_core::Device;
use lockstep_data::Tokenizer;
use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelRequest};
use lockstep_world::Seed;
use serde_json::{Value, json};

const HELP: &str = "\
usage: cargo bench --bench determinism -- --model DIR --train FILE [--base] [--batch N] [--updates N]
                                          [--rounds N]

Trains on the CPU for some updates, in ordinary and in deterministic mode, on one rank and on two
over TCP. DIR is a model of Hugging Face's, FILE a table of sentences with two labels. With --base the model
has the size of distilbert-base-uncased and random weights, and only its tokenizer comes from DIR.";

/// Updates that are not counted: memory is touched for the first time.
const WARM_UP: usize = 4;

/// The ranks of each way, and whether it is deterministic.
const WAYS: [(usize, bool); 4] = [(1, false), (1, true), (2, false), (2, true)];

type Failure = Box<dyn Error>;

/// What the flags say.
struct Settings {
    model: PathBuf,
    train: PathBuf,
    base: bool,
    batch: usize,
    updates: usize,
    rounds: usize,
}

fn main() -> ExitCode {
    match Settings::read(env::args().skip(1)).and_then(|settings| compare(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

impl Settings {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let (mut model, mut train) = (None, None);
        let (mut base, mut batch, mut updates, mut rounds) = (false, 16, 20, 5);
        while let Some(flag) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{flag} wants a value\n{HELP}"));
            match &*flag {
                "--bench" => {}
                "--base" => base = true,
                "--model" => model = Some(PathBuf::from(value()?)),
                "--train" => train = Some(PathBuf::from(value()?)),
                "--batch" => batch = value()?.parse()?,
                "--updates" => updates = value()?.parse()?,
                "--rounds" => rounds = value()?.parse()?,
                _ => return Err(HELP.into()),
            }
        }
        let model = model.ok_or(HELP)?.canonicalize()?;
        let train = train.ok_or(HELP)?.canonicalize()?;
        Ok(Self { model, train, base, batch, updates, rounds })
    }
}

fn compare(settings: &Settings) -> Result<(), Failure> {
    let place = tempfile::tempdir()?;
    let model = match settings.base {
        true => base(&settings.model, place.path())?,
        false => settings.model.clone(),
    };
    let mut rounds: Vec<[f64; 4]> = Vec::new();
    for round in 1..=settings.rounds {
        let [a, b, c, d] = WAYS.map(|way| seconds(way, &model, settings));
        rounds.push([a?, b?, c?, d?]);
        eprintln!("round {round} of {}: {:.3?}", settings.rounds, rounds.last());
    }
    report(settings, &rounds);
    Ok(())
}

/// A model of distilbert-base-uncased's size, with the tokenizer of another one.
fn base(tokenizer: &Path, directory: &Path) -> Result<PathBuf, Failure> {
    let tokenizer = Tokenizer::from_dir(tokenizer)?;
    let config = json!({
        "model_type": "distilbert", "activation": "gelu", "vocab_size": 30522,
        "max_position_embeddings": 512, "dim": 768, "n_layers": 6, "n_heads": 12,
        "hidden_dim": 3072, "dropout": 0.1, "attention_dropout": 0.1, "initializer_range": 0.02,
        "pad_token_id": 0, "sinusoidal_pos_embds": false,
    });
    let config = EncoderConfig::of(config.as_object().cloned().unwrap_or_default());
    let request = ModelRequest {
        head: HeadKind::Mlp,
        labels: ["0", "1"].map(str::to_owned).to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(42),
        device: Device::Cpu,
    };
    let model = Classifier::fresh(config.map_err(|faults| faults.join("; "))?, &request)?;
    model.save(directory)?;
    tokenizer.save(directory, model.config().positions)?;
    Ok(directory.to_owned())
}

/// The median update of a run.
fn seconds(
    (ranks, deterministic): (usize, bool),
    model: &Path,
    settings: &Settings,
) -> Result<f64, Failure> {
    let place = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command.args(["--start", "local", "--nproc-per-node", &ranks.to_string(), "--"]);
    command.args(["train", "--device", "cpu", "--save-strategy", "no", "--output-dir", "out"]);
    command.args(deterministic.then_some("--deterministic"));
    command.arg("--model").arg(model).arg("--train-file").arg(&settings.train);
    command.args(["--global-batch-size", &settings.batch.to_string()]);
    command.args(["--max-steps", &settings.updates.to_string()]);
    let cores = thread::available_parallelism()?.get();
    command.env("RAYON_NUM_THREADS", cores.div_ceil(ranks).to_string());
    let output = command.current_dir(place.path()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let lines = fs::read_to_string(place.path().join("out/metrics.jsonl"))?;
    let lines: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let updates = lines.iter().filter(|line| line["kind"] == "update").skip(WARM_UP);
    Ok(median(updates.filter_map(|line| line["seconds"].as_f64())))
}

fn report(settings: &Settings, rounds: &[[f64; 4]]) {
    let Settings { model, base, batch, updates, .. } = settings;
    let name = if *base {
        "base".into()
    } else {
        model.file_name().unwrap_or_default().display().to_string()
    };
    println!(
        "{name}, global batch {batch}, {} rounds of {updates} updates a way\n\n\
         | ranks | ordinary, s an update | deterministic, s an update | cost |\n|---|---|---|---|",
        rounds.len()
    );
    for (place, (ranks, _)) in WAYS.iter().enumerate().step_by(2) {
        let of = |way: usize| median(rounds.iter().map(|round| round[way]));
        let ratio = median(rounds.iter().map(|round| round[place + 1] / round[place]));
        println!("| {ranks} | {:.3} | {:.3} | x {ratio:.2} |", of(place), of(place + 1));
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
