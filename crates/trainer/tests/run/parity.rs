//! The trainer against PyTorch: loss, norm and rate of each update, and the weights at the end.

use lockstep_model::{Bf16, HeadKind, Precision};
use lockstep_optim::Rates;
use lockstep_params::TensorFile;
use lockstep_testkit::{golden_bf16, golden_trace, reference, skip};
use lockstep_trainer::StopRequest;

use crate::setup::{Updates, settings, trainer, trainer_in};

const RECIPE: Rates = Rates { encoder: 2e-5, head: 1e-4 };
const FAST: Rates = Rates { encoder: 1e-3, head: 5e-3 };

fn check(start: (&str, HeadKind), run: &str, rates: Rates) -> tempfile::TempDir {
    let output = tempfile::tempdir().unwrap();
    let mut trainer = trainer(start, Some(0.0), settings(output.path(), rates));
    let mut updates = Updates::default();
    trainer.run(&mut updates, &StopRequest::default()).unwrap();
    let golden = golden_trace(run);
    assert_eq!(updates.0.len(), golden.len());
    for (found, expected) in updates.0.iter().zip(&golden) {
        let place = format!("{run}, update {}: {found:?} and not {expected:?}", expected.step);
        assert_eq!((found.step, found.tokens), (expected.step, expected.tokens), "{place}");
        assert!((found.loss - expected.loss).abs() < 1e-4, "{place}");
        assert!((found.grad_norm / expected.grad_norm - 1.0).abs() < 1e-3, "{place}");
        for (found, expected) in found.lr.iter().zip(expected.lr) {
            assert!((found - expected).abs() < 1e-12, "{place}");
        }
    }
    output
}

fn check_final_weights(output: &tempfile::TempDir, run: &str) {
    let mut golden =
        TensorFile::read(&reference(&format!("golden/{run}.final.safetensors"))).unwrap();
    let ours = TensorFile::read(&output.path().join("model.safetensors")).unwrap();
    for (name, found) in ours.iter() {
        let expected = golden.take(name).unwrap();
        // The exact gradient of the keys' bias is zero: AdamW walks on rounding noise there.
        if name.as_str().ends_with("k_lin.bias") {
            continue;
        }
        let norm = |t: &candle_core::Tensor| {
            f64::from(t.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt()
        };
        let distance = norm(&(found - &expected).unwrap()) / norm(&expected);
        assert!(distance < 1e-5, "{run}, {name}: {distance}");
    }
    assert_eq!(golden.iter().count(), 0, "{run}: PyTorch has weights we lack");
}

#[test]
fn forty_updates_equal_pytorchs() {
    let mlp = ("tiny-mlp", HeadKind::Mlp);
    check_final_weights(&check(mlp, "recipe", RECIPE), "recipe");
    check_final_weights(&check(mlp, "fast", FAST), "fast");
    check(("tiny-hf", HeadKind::Hf), "hf", FAST);
}

/// bf16 costs less than PyTorch's autocast does, which rounds attention, head and results as well.
#[test]
fn bf16_stays_as_close_to_f32_as_pytorchs() {
    let Some(bf16) = Bf16::detect() else {
        skip("this processor has no AVX512-BF16");
        return;
    };
    let output = tempfile::tempdir().unwrap();
    let start = ("tiny-mlp", HeadKind::Mlp);
    let settings = settings(output.path(), RECIPE);
    let mut trainer = trainer_in(Precision::Bf16(bf16), start, Some(0.0), settings);
    let mut updates = Updates::default();
    trainer.run(&mut updates, &StopRequest::default()).unwrap();
    let pairs = updates.0.iter().zip(golden_trace("recipe"));
    let apart: Vec<_> = pairs.map(|(found, golden)| (found.loss - golden.loss).abs()).collect();
    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
    let theirs = golden_bf16().loss;
    println!("mean distance of the losses: {mean:.2e}, PyTorch's {theirs:.2e}");
    assert!(mean > 0.0 && mean < theirs, "{mean:e}, PyTorch's {theirs:e}");
}
