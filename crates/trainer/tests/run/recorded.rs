//! Runs of recorded programs on the emulator, beside runs of candle's graph on the CPU.

use std::num::NonZeroUsize;
use std::path::Path;

use candle_core::Device;
use lockstep_collective::{Collective, Solo, Threads};
use lockstep_data::Order;
use lockstep_emulator::Emulator;
use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelRequest};
use lockstep_optim::Rates;
use lockstep_program::Arithmetic;
use lockstep_trainer::{
    Cadence, Copied, Ending, Parts, RunLength, StopRequest, TrainSettings, Trainer, UpdateReport,
};
use lockstep_world::Seed;
use serde_json::json;

use crate::setup::{Updates, parts, settings};

const RATES: Rates = Rates { encoder: 1e-3, head: 5e-3 };

/// Two heads of 32 columns, which the kernels take; the reference's tiny models have smaller ones.
fn model(head: HeadKind, dropout: f32, labels: Vec<String>) -> Classifier {
    let config = json!({
        "model_type": "distilbert", "activation": "gelu", "vocab_size": 297, "n_layers": 3,
        "max_position_embeddings": 128, "dim": 64, "n_heads": 2, "hidden_dim": 96,
    });
    let config = EncoderConfig::of(config.as_object().unwrap().clone()).unwrap();
    let dropout = Some(dropout);
    let dropouts = Dropouts { hidden: dropout, attention: dropout, head: dropout };
    let request = ModelRequest { head, labels, dropouts, seed: Seed(7), device: Device::Cpu };
    Classifier::fresh(config, &request).unwrap()
}

fn run_parts(head: HeadKind, dropout: f32, collective: Box<dyn Collective>) -> Parts {
    let tiny = parts(("tiny-mlp", HeadKind::Mlp), (None, usize::MAX), collective);
    let model = model(head, dropout, tiny.model.labels().to_vec());
    Parts { model, ..tiny }
}

fn short(output: &Path, updates: u64) -> TrainSettings {
    TrainSettings {
        length: RunLength::Updates(updates.try_into().unwrap()),
        order: Order::Shuffled(Seed(3)),
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

fn on_cpu(head: HeadKind, dropout: f32, settings: TrainSettings) -> Finished {
    finish(Trainer::new(run_parts(head, dropout, Box::new(Solo)), settings).unwrap())
}

fn emulated(parts: Parts, settings: TrainSettings, arithmetic: Arithmetic, seed: u64) -> Trainer {
    let machine = (Emulator::new(seed), Copied);
    Trainer::on_machine(parts, settings, arithmetic, machine).unwrap()
}

/// The largest difference of the losses, and of the weights relative to each tensor's largest.
fn apart(found: &Finished, expected: &Finished) -> [f64; 2] {
    assert_eq!(found.updates.len(), expected.updates.len());
    let losses = found.updates.iter().zip(&expected.updates).map(|(found, expected)| {
        assert_eq!((found.step, found.tokens), (expected.step, expected.tokens));
        assert_eq!(found.lr, expected.lr);
        (found.loss - expected.loss).abs()
    });
    let losses = losses.fold(0.0, f64::max);
    let mut weights: f64 = 0.0;
    for ((name, found), (_, expected)) in found.weights.iter().zip(&expected.weights) {
        // The exact gradient of the keys' bias is zero: AdamW walks on rounding noise there.
        if !name.ends_with("k_lin.bias") {
            let largest = expected.iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
            let pairs = found.iter().zip(expected);
            let distance = pairs.fold(0.0_f32, |distance, (a, b)| distance.max((a - b).abs()));
            weights = weights.max(f64::from(distance / largest));
        }
    }
    [losses, weights]
}

fn check(head: HeadKind, dropout: f32, (accumulation, updates): (usize, u64)) {
    let output = tempfile::tempdir().unwrap();
    let accumulation = NonZeroUsize::new(accumulation).unwrap();
    let settings = TrainSettings { accumulation, ..short(output.path(), updates) };
    let expected = on_cpu(head, dropout, settings.clone());
    let parts = run_parts(head, dropout, Box::new(Solo));
    let found = finish(emulated(parts, settings, Arithmetic::F32, 1));
    let [losses, weights] = apart(&found, &expected);
    println!("{head:?}, dropout {dropout}: losses {losses:.1e}, weights {weights:.1e} apart");
    assert!(losses < 1e-5, "losses are {losses:e} apart");
    assert!(weights < 1e-3, "weights are {weights:e} apart");
}

#[test]
fn updates_equal_those_of_the_cpu() {
    check(HeadKind::Mlp, 0.1, (1, 40));
    check(HeadKind::Hf, 0.0, (1, 10));
    check(HeadKind::Mlp, 0.1, (3, 10));
}

#[test]
fn bf16_stays_near() {
    let output = tempfile::tempdir().unwrap();
    let settings = short(output.path(), 40);
    let expected = on_cpu(HeadKind::Mlp, 0.1, settings.clone());
    let parts = run_parts(HeadKind::Mlp, 0.1, Box::new(Solo));
    let found = finish(emulated(parts, settings, Arithmetic::Bf16, 1));
    let [losses, _] = apart(&found, &expected);
    println!("bf16: losses {losses:.1e} apart");
    assert!(losses > 0.0 && losses < 0.02, "losses are {losses:e} apart");
}

#[test]
fn the_order_of_threads_blocks_and_lanes_changes_no_bit() {
    for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
        let run = |seed| {
            let output = tempfile::tempdir().unwrap();
            let parts = run_parts(HeadKind::Mlp, 0.1, Box::new(Solo));
            finish(emulated(parts, short(output.path(), 4), arithmetic, seed)).weights
        };
        let first = run(1);
        assert!(first == run(2) && first == run(3), "{arithmetic:?}: a seed changes the weights");
    }
}

#[test]
fn two_ranks_hold_equal_bits_and_make_the_run_of_one() {
    let output = tempfile::tempdir().unwrap();
    let settings = short(output.path(), 12);
    let ranks = Threads::run(2, |rank| {
        let parts = run_parts(HeadKind::Mlp, 0.1, Box::new(rank));
        finish(emulated(parts, settings.clone(), Arithmetic::F32, 1))
    });
    assert!(ranks[0].weights == ranks[1].weights, "replicas differ");
    let output = tempfile::tempdir().unwrap();
    let alone = on_cpu(HeadKind::Mlp, 0.1, short(output.path(), 12));
    let [losses, weights] = apart(&ranks[0], &alone);
    println!("two ranks beside one: losses {losses:.1e}, weights {weights:.1e} apart");
    assert!(losses < 1e-5 && weights < 1e-3, "{losses:e}, {weights:e}");
}

/// Updates are reported late, so the wish to stop is known at the next milestone, whose evaluation
/// then waits for the resume.
#[test]
fn a_stop_is_known_at_the_next_milestone_and_the_run_goes_on_with_the_same_bits() {
    let evaluated = |output: &Path| {
        let mut settings = short(output, 8);
        settings.evaluation = Cadence::EverySteps(4.try_into().unwrap());
        settings.replica_check = Cadence::Never;
        settings
    };
    let trainer = |output: &Path| {
        let mut parts = run_parts(HeadKind::Mlp, 0.1, Box::new(Solo));
        parts.validation = Some(parts.train.clone());
        emulated(parts, evaluated(output), Arithmetic::F32, 1)
    };
    let output = tempfile::tempdir().unwrap();
    let whole = finish(trainer(output.path()));
    let output = tempfile::tempdir().unwrap();
    let stop = StopRequest::default();
    stop.ask();
    let mut updates = Updates::default();
    let ending = trainer(output.path()).run(&mut updates, &stop).unwrap();
    assert_eq!((ending, updates.0.len()), (Ending::Stopped, 4));
    let mut resumed = trainer(output.path());
    assert_eq!(resumed.resume(&output.path().join("checkpoint-4")).unwrap(), []);
    let resumed = finish(resumed);
    assert_eq!(resumed.updates.len(), 4);
    assert!(resumed.weights == whole.weights, "other weights");
}
