//! Runs of recorded programs on the emulator, beside runs of candle's graph on the CPU.

mod before_sums;
mod equal;
mod interrupted;
mod ranks;
mod real;
mod skipped;

use std::path::Path;

use candle_core::Device;
use lockstep_collective::{Collective, Solo};
use lockstep_data::Order;
use lockstep_emulator::Emulator;
use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelRequest};
use lockstep_optim::Rates;
use lockstep_program::Arithmetic;
use lockstep_trainer::{
    Cadence, CopyingLink, Parts, RunLength, StopRequest, TrainSettings, Trainer, UpdateReport,
};
use lockstep_world::Seed;
use serde_json::json;

use crate::setup::{Updates, parts, settings};

const RATES: Rates = Rates { encoder: 1e-3, head: 5e-3 };

/// A model and how it is trained.
#[derive(Clone, Copy)]
struct Start {
    model_type: &'static str,
    head: HeadKind,
    dropout: f32,
    width: usize,
}

/// Two heads of 32 columns, which the kernels take; the reference's tiny models have smaller ones.
const NARROW: Start =
    Start { model_type: "distilbert", head: HeadKind::Mlp, dropout: 0.1, width: 64 };

/// Two heads of 64 columns.
const WIDE: Start = Start { width: 128, ..NARROW };

fn model(start: Start, labels: Vec<String>) -> Classifier {
    let Start { model_type, head, dropout, width } = start;
    let is_roberta = model_type == "roberta";
    let config = json!({
        "model_type": model_type, "activation": "gelu", "vocab_size": 297, "n_layers": 3,
        "max_position_embeddings": 128, "dim": width, "n_heads": 2, "hidden_dim": width + 32,
    });
    let berts = json!({
        "model_type": model_type, "hidden_act": "gelu", "vocab_size": 297, "num_hidden_layers": 3,
        "max_position_embeddings": if is_roberta { 130 } else { 128 }, "hidden_size": width,
        "num_attention_heads": 2, "intermediate_size": width + 32,
        "layer_norm_eps": if is_roberta { 1e-5 } else { 1e-12 },
    });
    let config = if model_type == "distilbert" { config } else { berts };
    let config = EncoderConfig::of(config.as_object().unwrap().clone()).unwrap();
    let dropout = Some(dropout);
    let dropouts = Dropouts { hidden: dropout, attention: dropout, head: dropout };
    let request = ModelRequest { head, labels, dropouts, seed: Seed(7), device: Device::Cpu };
    Classifier::fresh(config, &request).unwrap()
}

fn run_parts(start: Start, collective: Box<dyn Collective>) -> Parts {
    let tiny = parts(("tiny-mlp", HeadKind::Mlp), (None, usize::MAX), collective);
    let held_out = parts(("tiny-mlp", HeadKind::Mlp), (None, 50), Box::new(Solo));
    let model = model(start, tiny.model.labels().to_vec());
    Parts { model, validation: Some(held_out.train), ..tiny }
}

fn short(output: &Path, updates: u64) -> TrainSettings {
    TrainSettings {
        length: RunLength::Updates(updates.try_into().unwrap()),
        order: Order::Shuffled(Seed(3)),
        // Comparing replicas would settle after each update.
        replica_check: Cadence::Never,
        ..settings(output, RATES)
    }
}

/// Everything a run leaves: its reports, and its weights by name.
struct Finished {
    updates: Vec<UpdateReport>,
    weights: Vec<(String, Vec<f32>)>,
}

fn finish(mut trainer: Trainer) -> Finished {
    let mut updates = Updates::default();
    trainer.run(&mut updates, &StopRequest::default()).unwrap();
    let weights = trainer.model().parameters().iter().map(|(name, weight)| {
        (name.to_string(), weight.flatten_all().unwrap().to_vec1::<f32>().unwrap())
    });
    Finished { weights: weights.collect(), updates: updates.0 }
}

fn on_cpu(start: Start, settings: TrainSettings) -> Trainer {
    Trainer::new(run_parts(start, Box::new(Solo)), settings).unwrap()
}

fn emulated(parts: Parts, settings: TrainSettings, arithmetic: Arithmetic, seed: u64) -> Trainer {
    Trainer::on_machine(parts, settings, arithmetic, Emulator::new(seed), CopyingLink).unwrap()
}

fn alone(start: Start, settings: TrainSettings) -> Trainer {
    emulated(run_parts(start, Box::new(Solo)), settings, Arithmetic::F32, 1)
}
