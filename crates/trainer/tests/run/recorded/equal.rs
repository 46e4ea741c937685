//! Recorded updates are those of the CPU, in any order of threads.

use std::num::NonZeroUsize;
use std::path::Path;

use lockstep_collective::Solo;
use lockstep_model::HeadKind;
use lockstep_params::TensorFile;
use lockstep_program::Arithmetic;
use lockstep_trainer::{
    Cadence, EvaluationReport, Observer, Saving, StopRequest, TrainEvent, TrainSettings, Trainer,
};

use super::{Finished, NARROW, Start, WIDE, alone, emulated, finish, on_cpu, run_parts, short};

/// The largest difference of the losses, and of the weights relative to each tensor's largest.
pub(super) fn apart(found: &Finished, expected: &Finished) -> [f64; 2] {
    assert_eq!(found.updates.len(), expected.updates.len());
    let losses = found.updates.iter().zip(&expected.updates).map(|(found, expected)| {
        assert_eq!((found.step, found.tokens), (expected.step, expected.tokens));
        assert_eq!(found.lr, expected.lr);
        assert!(found.tflops.is_some_and(|rate| rate > 0.0));
        (found.loss - expected.loss).abs()
    });
    let losses = losses.fold(0.0, f64::max);
    let mut weights: f64 = 0.0;
    for ((name, found), (_, expected)) in found.weights.iter().zip(&expected.weights) {
        // The exact gradient of the keys' bias is zero: AdamW walks on rounding noise there.
        if !is_key_bias(name) {
            let largest = expected.iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
            let pairs = found.iter().zip(expected);
            let distance = pairs.fold(0.0_f32, |distance, (a, b)| distance.max((a - b).abs()));
            weights = weights.max(f64::from(distance / largest));
        }
    }
    [losses, weights]
}

fn check(start: Start, accumulation: usize, updates: u64) {
    let output = tempfile::tempdir().unwrap();
    let accumulation = NonZeroUsize::new(accumulation).unwrap();
    let settings = TrainSettings { accumulation, ..short(output.path(), updates) };
    let expected = finish(on_cpu(start, settings.clone()));
    let found = finish(alone(start, settings));
    let [losses, weights] = apart(&found, &expected);
    println!(
        "{}, {:?}, width {}: losses {losses:.1e}, weights {weights:.1e} apart",
        start.model_type, start.head, start.width
    );
    assert!(losses < 1e-5, "losses are {losses:e} apart");
    assert!(weights < 1e-3, "weights are {weights:e} apart");
}

#[test]
fn updates_equal_those_of_the_cpu() {
    check(NARROW, 1, 40);
    check(Start { head: HeadKind::Hf, dropout: 0.0, ..NARROW }, 1, 10);
    check(WIDE, 3, 10);
}

const BERT: Start = Start { model_type: "bert", ..NARROW };
const ROBERTA: Start = Start { model_type: "roberta", head: HeadKind::Hf, ..NARROW };

#[test]
fn updates_of_bert_and_roberta_equal_those_of_the_cpu() {
    check(BERT, 1, 10);
    check(Start { head: HeadKind::Hf, ..BERT }, 2, 10);
    check(ROBERTA, 1, 10);
}

#[test]
fn bf16_stays_near() {
    let output = tempfile::tempdir().unwrap();
    let settings = short(output.path(), 40);
    let expected = finish(on_cpu(NARROW, settings.clone()));
    let parts = run_parts(NARROW, Box::new(Solo));
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
            let parts = run_parts(NARROW, Box::new(Solo));
            finish(emulated(parts, short(output.path(), 4), arithmetic, seed)).weights
        };
        let first = run(1);
        assert!(first == run(2) && first == run(3), "{arithmetic:?}: a seed changes the weights");
    }
}

/// After the first update the first moment is a tenth of the clipped gradient.
fn first_moments(output: &Path, trainer: impl FnOnce(TrainSettings) -> Trainer) -> TensorFile {
    let settings = short(output, 1);
    let saving =
        Saving { cadence: Cadence::EverySteps(std::num::NonZeroU64::MIN), ..settings.saving };
    finish(trainer(TrainSettings { saving, ..settings }));
    TensorFile::read(&output.join("checkpoint-1/optimizer.safetensors")).unwrap()
}

#[test]
fn gradients_equal_those_of_the_cpu() {
    for start in [NARROW, WIDE, Start { head: HeadKind::Hf, ..WIDE }, BERT, ROBERTA] {
        let outputs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let expected = first_moments(outputs[0].path(), |settings| on_cpu(start, settings));
        let mut found = first_moments(outputs[1].path(), |settings| alone(start, settings));
        for (name, expected) in expected.iter().filter(|(name, _)| is_gradient(name.as_str())) {
            let found = found.take(name).unwrap();
            let largest = |tensor: &candle_core::Tensor| {
                let values = tensor.abs().unwrap().flatten_all().unwrap();
                values.max(0).unwrap().to_scalar::<f32>().unwrap()
            };
            let apart = largest(&(&found - expected).unwrap()) / largest(expected);
            assert!(apart < 1e-5, "{name}: {apart:e} apart");
        }
    }
}

/// First moments whose exact values are not zero, as that of the keys' bias is.
fn is_gradient(name: &str) -> bool {
    name.starts_with("exp_avg.") && !is_key_bias(name)
}

fn is_key_bias(name: &str) -> bool {
    name.ends_with("k_lin.bias") || name.ends_with("key.bias")
}

/// Keeps evaluations.
#[derive(Default)]
struct Evaluations(Vec<EvaluationReport>);

impl Observer for Evaluations {
    fn observe(&mut self, event: &TrainEvent) {
        if let TrainEvent::Evaluation(report) = event {
            self.0.push(report.clone());
        }
    }
}

#[test]
fn evaluations_equal_those_of_the_cpu() {
    let of = |trainer: fn(Start, TrainSettings) -> Trainer| {
        let output = tempfile::tempdir().unwrap();
        let evaluation = Cadence::EverySteps(3.try_into().unwrap());
        let settings = TrainSettings { evaluation, ..short(output.path(), 6) };
        let mut evaluations = Evaluations::default();
        trainer(NARROW, settings).run(&mut evaluations, &StopRequest::default()).unwrap();
        evaluations.0
    };
    let (found, expected) = (of(alone), of(on_cpu));
    assert_eq!(found.len(), 2);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!((found.step, found.examples), (expected.step, expected.examples));
        assert_eq!(found.confusion, expected.confusion);
        assert!((found.loss - expected.loss).abs() < 1e-5, "{} and {}", found.loss, expected.loss);
    }
}
