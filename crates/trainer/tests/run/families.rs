//! Updates of BERT and RoBERTa against PyTorch's; `families.py` made the numbers.

use candle_core::{Device, Tensor};
use lockstep_model::{Classifier, Criterion, Input, Mode};
use lockstep_optim::{AdamW, AdamWSettings, DecayRule, Rates, clip};
use lockstep_params::{LocalGradients, TensorFile};
use lockstep_testkit::{family_texts, reference};
use lockstep_world::Seed;

const SETTINGS: AdamWSettings = AdamWSettings {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.01,
    decay: DecayRule::NotBiasOrNorm,
};

fn norm(tensor: &Tensor) -> f64 {
    f64::from(tensor.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt()
}

/// The weights after five updates with all texts.
fn trained(family: &str) -> Classifier {
    let directory = reference(&format!("families/{family}"));
    let model = Classifier::open(&directory, &Device::Cpu).unwrap();
    let (mut ids, mut positions, mut offsets) = (vec![], vec![], vec![0]);
    for text in family_texts(family) {
        positions.extend((0_u32..).take(text.ids.len()));
        ids.extend(text.ids);
        offsets.push(ids.len());
    }
    let examples: Vec<u64> = (0..8).collect();
    let labels: Vec<u32> = (0..8).map(|example| example % 3).collect();
    let input = Input {
        ids: &ids,
        positions: &positions,
        token_types: &[],
        offsets: &offsets,
        examples: &examples,
    };
    let mut optimizer = AdamW::new(model.parameters(), SETTINGS).unwrap();
    for update in 1..=5 {
        let mode = Mode::Train { dropout: Seed(0), listener: None };
        let logits = model.logits(&input, mode).unwrap();
        model
            .backward(&logits.summed_cross_entropy(&labels, &Criterion::default()).unwrap())
            .unwrap();
        let global = LocalGradients::take(model.parameters()).unwrap().alone(8).unwrap();
        let rates = Rates { encoder: 1e-3, head: 1e-3 };
        optimizer.step(&clip(global, 1.0).gradients, rates, update).unwrap();
    }
    model
}

#[test]
fn five_updates_equal_pytorchs() {
    for family in ["bert", "roberta"] {
        let model = trained(family);
        let mut golden =
            TensorFile::read(&reference(&format!("families/{family}.safetensors"))).unwrap();
        // What is fixed has no place in the comparison, but the rows before the first position have.
        let names: Vec<_> = golden.iter().map(|(name, _)| name.clone()).collect();
        for name in names {
            let tensor = golden.take(&name).unwrap();
            let Some(own) = name.as_str().strip_prefix("after.") else { continue };
            let found = model.parameters().get(&own.into()).unwrap().as_tensor();
            // The keys' biases walk on rounding noise: their exact gradient is zero.
            if own.ends_with("key.bias") {
                continue;
            }
            let (rows, learned) = (tensor.dim(0).unwrap(), found.dim(0).unwrap());
            let expected = tensor.narrow(0, rows - learned, learned).unwrap();
            let distance = norm(&(found - &expected).unwrap()) / norm(&expected);
            assert!(distance < 1e-5, "{family}, {own}: {distance}");
        }
    }
}
