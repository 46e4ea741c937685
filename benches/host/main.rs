//! What the host does for an update of a GPU: the recorded engine over a machine that does nothing.
//!
//! The GPU is busy only as long as the host starts updates faster than they run.

#![expect(clippy::print_stdout, reason = "a program that prints a report")]

mod idle;
#[path = "../recipe.rs"]
mod recipe;

use std::error::Error;
use std::time::Instant;

use candle_core::Device;
use lockstep_collective::{PhaseBoard, Solo};
use lockstep_data::{Corpus, CorpusSource, Labels, MaxLength, Order, TokenStore, Tokenizer};
use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelRequest};
use lockstep_testkit::reference;
use lockstep_trainer::{
    Arithmetic, Observer, Parts, RunLength, StopRequest, TrainEvent, TrainSettings, Trainer,
};
use lockstep_world::Seed;
use serde_json::json;

use idle::{Idle, Nowhere};
use recipe::recipe;

const UPDATES: u64 = 4_000;

/// Notes when each update was reported.
struct Clock {
    began: Instant,
    last: f64,
}

impl Observer for Clock {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Start(_) => self.began = Instant::now(),
            TrainEvent::Update(_) => self.last = self.began.elapsed().as_secs_f64(),
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut medians = Vec::new();
    for _ in 0..5 {
        let output = tempfile::tempdir()?;
        let parts = parts()?;
        let settings = settings(output.path().to_owned())?;
        let mut trainer =
            Trainer::on_machine(parts, settings, Arithmetic::Bf16, Idle::new(), Nowhere)?;
        let mut clock = Clock { began: Instant::now(), last: 0.0 };
        trainer.run(&mut clock, &StopRequest::default())?;
        medians.push(clock.last / UPDATES as f64 * 1e6);
    }
    medians.sort_by(f64::total_cmp);
    println!("host, an update of 16 examples: {:.1} us (of {medians:.1?})", medians[2]);
    Ok(())
}

fn parts() -> Result<Parts, Box<dyn Error>> {
    let tokenizer = Tokenizer::from_dir(&reference("tiny-mlp"))?;
    let source = CorpusSource::from(reference("golden/rows.tsv"));
    let corpus = Corpus::read(&source, Labels::Infer)?;
    let longest = MaxLength::new(128).ok_or("no such length")?;
    let train = TokenStore::build(corpus.texts_and_labels(), &tokenizer, longest)?;
    let config = json!({
        "model_type": "distilbert", "vocab_size": 297, "n_layers": 6, "dim": 64, "n_heads": 2,
        "max_position_embeddings": 128, "hidden_dim": 128,
    });
    let config = config.as_object().cloned().unwrap_or_default();
    let config = EncoderConfig::of(config).map_err(|faults| faults.join(", "))?;
    let request = ModelRequest {
        head: HeadKind::Mlp,
        labels: corpus.labels().names().to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(1),
        device: Device::Cpu,
    };
    let model = Classifier::fresh(config, &request)?;
    let (collective, board) = (Box::new(Solo), PhaseBoard::default());
    Ok(Parts { model, tokenizer, train, validation: None, test: None, collective, board })
}

fn settings(output_dir: std::path::PathBuf) -> Result<TrainSettings, Box<dyn Error>> {
    let length = RunLength::Updates(UPDATES.try_into()?);
    Ok(TrainSettings { order: Order::Shuffled(Seed(1)), ..recipe(output_dir, length) })
}
