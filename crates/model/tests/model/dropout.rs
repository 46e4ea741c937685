//! Dropout is a function of the update, the example and the place: not of the batch it is in.

use candle_core::Device;
use lockstep_model::{Classifier, Dropouts, HeadKind, Input, Mode, ModelRequest};
use lockstep_testkit::reference;
use lockstep_world::Seed;

fn model(rate: f32) -> Classifier {
    let rate = Some(rate);
    let request = ModelRequest {
        head: HeadKind::Mlp,
        labels: ["a", "b"].map(str::to_owned).to_vec(),
        dropouts: Dropouts { hidden: rate, attention: rate, head: rate },
        seed: Seed(1),
        device: Device::Cpu,
    };
    Classifier::load(&reference("tiny"), &request).unwrap().0
}

const TEXTS: [&[u32]; 3] = [&[2, 9, 8, 3], &[2, 3], &[2, 20, 21, 22, 23, 24, 3]];

/// The logits of some of the texts in one packed batch.
fn logits(model: &Classifier, chosen: &[usize], update: u64) -> Vec<Vec<f32>> {
    let (mut ids, mut positions, mut offsets) = (vec![], vec![], vec![0]);
    for &text in chosen {
        ids.extend_from_slice(TEXTS[text]);
        positions.extend(0..u32::try_from(TEXTS[text].len()).unwrap());
        offsets.push(ids.len());
    }
    let examples: Vec<u64> = chosen.iter().map(|&text| text as u64).collect();
    let input = Input {
        ids: &ids,
        positions: &positions,
        token_types: &[],
        offsets: &offsets,
        examples: &examples,
    };
    model
        .logits(&input, Mode::Train { dropout: Seed(update), listener: None })
        .unwrap()
        .values()
        .unwrap()
}

#[test]
fn an_example_meets_the_same_masks_in_any_batch() {
    let model = model(0.3);
    let together = logits(&model, &[0, 1, 2], 5);
    for order in [vec![0], vec![1], vec![2], vec![2, 0], vec![1, 2, 0]] {
        for (row, &text) in logits(&model, &order, 5).iter().zip(&order) {
            for (found, expected) in row.iter().zip(&together[text]) {
                assert!((found - expected).abs() < 1e-5, "{order:?}: {found} and not {expected}");
            }
        }
    }
}

#[test]
fn another_update_drops_other_elements() {
    let model = model(0.3);
    assert_ne!(logits(&model, &[0], 5), logits(&model, &[0], 6));
}

#[test]
fn a_rate_of_zero_drops_nothing() {
    let model = model(0.0);
    assert_eq!(logits(&model, &[0, 1, 2], 5), logits(&model, &[0, 1, 2], 6));
}
