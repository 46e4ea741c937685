//! The head's second half, its loss and their gradients, against f64.

mod oracle;
mod runs;

use lockstep_emulator::{Emulator, in_every_order};

use crate::numbers::noise;
use oracle::oracle;
use runs::{Activation, Case, Inputs, gradient, logits, run};

/// Values are equal up to a share of the largest: a sum in f32 of 1,000 terms. Zeros stay zeros.
fn assert_near<T: Copy + Into<f64>>(what: &str, got: &[T], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f64, |top, x| top.max(x.abs()));
    for (place, (&got, expected)) in got.iter().zip(expected).enumerate() {
        let got = got.into();
        let near = (got - expected).abs() <= 4e-6 * largest;
        assert!(near, "{what} {place}: {got}, but expected {expected}; the largest is {largest}");
    }
}

fn cases() -> Vec<Case> {
    let case = |[examples, batch, inner, classes]: [usize; 4], activation, rate| Case {
        examples,
        batch,
        inner,
        classes,
        activation,
        rate,
    };
    use Activation::{Gelu, Relu, Tanh};
    vec![
        case([0, 16, 384, 2], Gelu, 0.1),
        case([1, 1, 8, 1], Gelu, 0.0),
        case([1, 16, 384, 2], Gelu, 0.5),
        case([7, 16, 8, 2], Relu, 0.0),
        case([7, 7, 192, 77], Gelu, 0.1),
        case([7, 9, 768, 77], Relu, 0.2),
        case([16, 16, 384, 2], Gelu, 0.1),
        case([16, 16, 768, 2], Relu, 0.2),
        case([16, 32, 192, 2], Gelu, 0.0),
        case([3, 4, 768, 1000], Relu, 0.1),
        case([2, 2, 8, 1000], Gelu, 0.9),
        case([5, 16, 384, 129], Gelu, 0.0),
        case([3, 4, 64, 2], Tanh, 0.0),
        case([16, 16, 768, 3], Tanh, 0.1),
    ]
}

#[test]
fn losses_and_gradients_are_those_of_f64() {
    for case in cases() {
        let inputs = case.inputs();
        let expected = oracle(&case, &inputs);
        in_every_order(|device| {
            let got = run(device, &case, &inputs);
            let gradients = [got.active, got.logits, got.dlogits, got.dhidden].concat();
            (gradients, got.losses, got.dweight, got.dbias)
        });
        let got = run(&Emulator::new(1), &case, &inputs);
        let what = |what| format!("{what} of {case:?}");
        assert_near(&what("active"), &got.active, &expected.active);
        assert_near(&what("logits"), &got.logits, &expected.logits);
        assert_near(&what("losses"), &got.losses, &expected.losses);
        assert_near(&what("dlogits"), &got.dlogits, &expected.dlogits);
        assert_near(&what("dhidden"), &got.dhidden, &expected.dhidden);
        assert_near(&what("dweight"), &got.dweight, &expected.dweight);
        assert_near(&what("dbias"), &got.dbias, &expected.dbias);
    }
}

/// In steps of the summed loss: the gradients of the oracle are those of its loss.
#[test]
fn gradients_are_differences_of_losses() {
    let case = Case {
        examples: 3,
        batch: 4,
        inner: 8,
        classes: 3,
        activation: Activation::Gelu,
        rate: 0.25,
    };
    let got = run(&Emulator::new(1), &case, &case.inputs());
    let loss = |change: &dyn Fn(&mut Inputs)| {
        let mut inputs = case.inputs();
        change(&mut inputs);
        oracle(&case, &inputs).losses.iter().sum::<f64>()
    };
    // A power of two, so that f32 inputs move by just so much.
    let step = 1.0 / 1024.0_f32;
    let gradient = |change: &dyn Fn(&mut Inputs, f32)| {
        let ahead = loss(&|inputs| change(inputs, step)) - loss(&|inputs| change(inputs, -step));
        ahead / (2.0 * f64::from(step))
    };
    for (i, &got) in got.dhidden[..24].iter().enumerate() {
        let expected = gradient(&|inputs, by| inputs.hidden[i] += by);
        assert!((f64::from(got) - expected).abs() < 1e-5, "hidden {i}: {got}, {expected}");
    }
    for (i, &got) in got.dweight.iter().enumerate() {
        let expected = gradient(&|inputs, by| inputs.weight2[i] += by);
        assert!((f64::from(got) - expected).abs() < 1e-5, "weight2 {i}: {got}, {expected}");
    }
    for (k, &got) in got.dbias.iter().enumerate() {
        let expected = gradient(&|inputs, by| inputs.bias2[k] += by);
        assert!((f64::from(got) - expected).abs() < 1e-5, "bias2 {k}: {got}, {expected}");
    }
}

#[test]
fn further_gradients_are_added() {
    for case in cases() {
        let (inner, classes) = (case.inner, case.classes);
        let (dlogits, active) = (noise(case.batch * classes, 5), noise(case.batch * inner, 6));
        let there = [noise(classes * inner, 7), noise(classes, 8)];
        let with = |device: &Emulator, there: Option<[&[f32]; 2]>| {
            let read = [device.buffer(&dlogits), device.buffer(&active)];
            gradient(device, &case, read, there)
        };
        let alone = with(&Emulator::new(1), None);
        let added = in_every_order(|device| with(device, Some([&there[0], &there[1]])));
        for ((alone, there), added) in alone.iter().zip(&there).zip(&added) {
            let expected: Vec<f32> = alone.iter().zip(there).map(|(a, b)| a + b).collect();
            assert_eq!(*added, expected, "{case:?}");
        }
    }
}

#[test]
fn logits_alone_have_no_dropout() {
    for case in cases() {
        let case = Case { rate: 0.0, ..case };
        let inputs = case.inputs();
        let (got, losses) = in_every_order(|device| logits(device, &case, &inputs, true));
        let trained = run(&Emulator::new(1), &case, &inputs);
        assert_eq!(got, trained.logits, "{case:?}");
        assert_eq!(losses, trained.losses, "{case:?}");
        let (without, unwritten) = in_every_order(|device| logits(device, &case, &inputs, false));
        assert_eq!(without, got, "{case:?}");
        assert!(unwritten.iter().all(|loss| loss.is_nan()));
    }
}

#[test]
fn a_label_that_is_none_makes_the_loss_no_number() {
    let case = cases()[6];
    for label in [-1, 2, i32::MAX, i32::MIN] {
        let mut inputs = case.inputs();
        inputs.labels[3] = label;
        let got = run(&Emulator::new(1), &case, &inputs);
        let evaluated = logits(&Emulator::new(1), &case, &inputs, true).1;
        for losses in [got.losses, evaluated] {
            for (b, loss) in losses.into_iter().enumerate() {
                assert_eq!(loss.is_nan(), b == 3, "label {label}, example {b}: {loss}");
            }
        }
    }
}

/// Logits far apart do not overflow; hidden values that are none reach the loss.
#[test]
fn extremes_reach_the_loss() {
    for activation in [Activation::Gelu, Activation::Relu, Activation::Tanh] {
        let case = Case { activation, rate: 0.0, ..cases()[6] };
        let mut inputs = case.inputs();
        inputs.bias2[1] = 1e6;
        let got = run(&Emulator::new(1), &case, &inputs);
        for (loss, label) in got.losses.iter().zip(&inputs.labels) {
            let expected = if *label == 0 { 1e6 } else { 0.0 };
            assert!((loss - expected).abs() < 100.0, "{loss}");
        }
        let mut inputs = case.inputs();
        inputs.hidden[2 * case.inner + 5] = f32::NAN;
        let losses = run(&Emulator::new(1), &case, &inputs).losses;
        assert!(losses.iter().enumerate().all(|(b, loss)| loss.is_nan() == (b == 2)));
    }
}
