//! How long a checkpoint holds training up, beside `torch.save` of as much.
//!
//! `cargo bench --bench checkpoint -- [--python PATH] [--rounds N] [--every N] [--batch N] [--folder DIR]`
//!
//! A run of DistilBERT-base's size on the built-in reviews writes a checkpoint every few updates; when
//! one is whole, PyTorch saves a state of the same size to the same disk, so that the two take turns.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]

mod peer;
#[path = "../recipe.rs"]
mod recipe;

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::{Device, Tensor};
use lockstep_collective::{PhaseBoard, Solo};
use lockstep_data::{MaxLength, TokenStore, Tokenizer};
use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelRequest};
use lockstep_optim::Rates;
use lockstep_params::{Digest, ParamName, copy_each, write_tensors};
use lockstep_reviews::{Split, reviews};
use lockstep_trainer::{
    Cadence, FinalModel, Observer, Parts, RunLength, Saving, StopRequest, TrainEvent,
    TrainSettings, Trainer,
};
use lockstep_world::Seed;
use serde_json::json;

use crate::peer::Peer;
use crate::recipe::recipe;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Texts are cut here.
const MAX_LENGTH: usize = 128;

struct Options {
    python: Option<PathBuf>,
    rounds: u64,
    /// Updates from one checkpoint to the next.
    every: u64,
    /// Texts of an update.
    batch: usize,
    folder: PathBuf,
}

fn options() -> Outcome<Options> {
    let mut found =
        Options { python: None, rounds: 6, every: 6, batch: 16, folder: std::env::temp_dir() };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--python" => found.python = Some(value.into()),
            "--rounds" => found.rounds = value.parse()?,
            "--every" => found.every = value.parse()?,
            "--batch" => found.batch = value.parse()?,
            "--folder" => found.folder = value.into(),
            _ => return Err(format!("{word} is not known").into()),
        }
    }
    Ok(found)
}

/// Notes when what happened, and lets the peer save after each checkpoint.
struct Turns {
    peer: Option<Peer>,
    last: Instant,
    /// Seconds from one update's report to the next one's, what is done between them included.
    gaps: BTreeMap<u64, f64>,
    held_up: Vec<f64>,
    torch: Vec<f64>,
}

impl Observer for Turns {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Update(report) => {
                self.gaps.insert(report.step, self.last.elapsed().as_secs_f64());
                self.last = Instant::now();
            }
            TrainEvent::Checkpoint(report) => {
                self.held_up.push(report.held_up);
                if let Some(peer) = &mut self.peer {
                    let began = Instant::now();
                    match peer.save() {
                        Ok(seconds) => self.torch.push(seconds),
                        Err(error) => eprintln!("torch.save failed: {error}"),
                    }
                    self.last += began.elapsed();
                }
            }
            _ => {}
        }
    }
}

fn main() -> Outcome<()> {
    let options = options()?;
    let folder = tempfile::tempdir_in(&options.folder)?;
    let (tokenizer, model, train) = material()?;
    let bytes = 12 * model.parameters().scalars();
    println!("state: {:.3} GB (f32 weights and two moments)", bytes as f64 / 1e9);
    steps(&model, folder.path())?;
    let peer = match &options.python {
        Some(python) => Some(Peer::start(python, &model, folder.path())?),
        None => None,
    };
    if let Some(peer) = &peer {
        println!("beside PyTorch {}", peer.version);
    }
    let parts = Parts {
        model,
        tokenizer,
        train,
        validation: None,
        test: None,
        collective: Box::new(Solo),
        board: PhaseBoard::default(),
    };
    let output = folder.path().join("out");
    let mut trainer = Trainer::new(parts, settings(&output, &options)?)?;
    let nothing = BTreeMap::new();
    let last = Instant::now();
    let mut turns = Turns { peer, last, gaps: nothing, held_up: Vec::new(), torch: Vec::new() };
    trainer.run(&mut turns, &StopRequest::default())?;
    report(turns, options.every);
    Ok(())
}

fn report(turns: Turns, every: u64) {
    let Turns { gaps, held_up, torch, .. } = turns;
    let is_after = |step: u64| step > 1 && step % every == 1;
    let some = |wanted: bool| {
        let gaps = gaps.iter().filter(|(step, _)| **step > 1 && is_after(**step) == wanted);
        gaps.map(|(_, seconds)| *seconds).collect::<Vec<f64>>()
    };
    show("the call that begins a checkpoint", held_up.clone());
    show("update, from report to report", some(false));
    show("the same where a checkpoint begins before it", some(true));
    show("torch.save", torch.clone());
    let ratios: Vec<f64> = held_up.iter().zip(&torch).map(|(ours, theirs)| ours / theirs).collect();
    if !ratios.is_empty() {
        println!(
            "{:<48} {:.4}",
            "median of the rounds' ratios, call to torch.save",
            median(ratios)
        );
    }
}

/// The parts of a checkpoint, alone: copies into new memory and into used memory, the hash, the file.
fn steps(model: &Classifier, folder: &Path) -> Outcome<()> {
    let tensor =
        |(name, value): (&ParamName, &candle_core::Var)| (name.clone(), value.as_tensor().clone());
    let tensors: Vec<(ParamName, Tensor)> = model.parameters().iter().map(tensor).collect();
    let (mut fresh, mut used, mut hashed, mut written) = (vec![], vec![], vec![], vec![]);
    for _ in 0..5 {
        let began = Instant::now();
        let copies = copy_each(&tensors, BTreeMap::new(), || ())?;
        fresh.push(3.0 * began.elapsed().as_secs_f64());
        let began = Instant::now();
        let copies = copy_each(&tensors, copies, || ())?;
        used.push(3.0 * began.elapsed().as_secs_f64());
        let began = Instant::now();
        for copy in copies.values() {
            std::hint::black_box(Digest::of(&safetensors::View::data(copy)));
        }
        hashed.push(3.0 * began.elapsed().as_secs_f64());
        let began = Instant::now();
        write_tensors(&folder.join("weights.safetensors"), &copies)?;
        written.push(3.0 * began.elapsed().as_secs_f64());
    }
    println!("three times as long as for the weights alone:");
    show("copy into new memory", fresh);
    show("copy into memory of the copies before", used);
    show("hash", hashed);
    show("write, hash and sync", written);
    Ok(())
}

fn show(what: &str, mut seconds: Vec<f64>) {
    seconds.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (seconds.first().copied(), seconds.last().copied()) else {
        return println!("{what:<48} skipped");
    };
    let count = seconds.len();
    let median = 1e3 * median(seconds);
    let (least, most) = (1e3 * least, 1e3 * most);
    println!("{what:<48} {median:9.2} ms  ({least:.2} to {most:.2}, {count} times)");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A model of the size of distilbert-base-uncased with random weights, and sentences.
fn material() -> Outcome<(Tokenizer, Classifier, TokenStore)> {
    let rows = reviews(Split::Dev, Seed(42));
    let texts = || rows.iter().map(|review| review.text.as_str());
    let tokenizer = Tokenizer::train_wordpiece(texts(), 4000)?;
    let config = json!({
        "model_type": "distilbert", "activation": "gelu", "vocab_size": 30522,
        "max_position_embeddings": 512, "dim": 768, "n_layers": 6, "n_heads": 12, "hidden_dim": 3072,
    });
    let config = EncoderConfig::of(config.as_object().cloned().unwrap_or_default());
    let request = ModelRequest {
        head: HeadKind::Mlp,
        labels: ["negative", "positive"].map(str::to_owned).to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(42),
        device: Device::Cpu,
    };
    let model = Classifier::fresh(config.map_err(|faults| faults.join("; "))?, &request)?;
    let labelled = rows.iter().map(|review| (review.text.as_str(), review.label as u32));
    let longest = MaxLength::new(MAX_LENGTH).ok_or("the length is valid")?;
    let train = TokenStore::build(labelled, &tokenizer, longest)?;
    Ok((tokenizer, model, train))
}

fn settings(output: &Path, options: &Options) -> Outcome<TrainSettings> {
    let Options { rounds, every: updates, batch, .. } = *options;
    let every = NonZeroU64::new(updates).ok_or("zero")?;
    let length = NonZeroU64::new(rounds * updates + 1).ok_or("zero")?;
    Ok(TrainSettings {
        seed: Seed(42),
        global_batch: NonZeroUsize::new(batch).ok_or("zero")?,
        peak_rates: Rates { encoder: 2e-5, head: 1e-3 },
        saving: Saving {
            cadence: Cadence::EverySteps(every),
            keep: Some(NonZeroUsize::MIN),
            final_model: FinalModel::Last,
        },
        ..recipe(output.to_owned(), RunLength::Updates(length))
    })
}
