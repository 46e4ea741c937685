//! The head's second half, its loss and their gradients, against f64.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use candle_core::{DType, Device, Tensor};
use lockstep_emulator::{Argument, Buffer, Emulator, Grid, in_every_order};
use lockstep_kernels::{Dropout, dropout};
use lockstep_program::Step;
use lockstep_world::Seed;

use crate::numbers::{mask_numbers, noise};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Activation {
    Gelu,
    Relu,
}

/// A head and a batch of examples.
#[derive(Clone, Copy, Debug)]
struct Case {
    examples: usize,
    batch: usize,
    inner: usize,
    classes: usize,
    activation: Activation,
    rate: f32,
}

/// What the kernels read, without the rows behind the last example.
struct Inputs {
    hidden: Vec<f32>,  // (B, I)
    bias1: Vec<f32>,   // (I)
    weight2: Vec<f32>, // (K, I)
    bias2: Vec<f32>,   // (K)
    labels: Vec<i32>,  // (B)
    keys: Vec<Seed>,   // (B)
    factors: Vec<f32>, // (B, I)
}

impl Case {
    fn inputs(&self) -> Inputs {
        let Self { examples, inner, classes, rate, .. } = *self;
        let keys: Vec<Seed> = (0..examples as u64).map(|b| Seed(b * 77 + 5)).collect();
        let scaled = |count, stream, scale| {
            noise(count, stream).into_iter().map(|x| x * scale).collect::<Vec<f32>>()
        };
        Inputs {
            hidden: scaled(examples * inner, 1, 3.0),
            bias1: scaled(inner, 2, 0.5),
            weight2: scaled(classes * inner, 3, 2.0 / (inner as f32).sqrt()),
            bias2: scaled(classes, 4, 1.0),
            labels: (0..examples).map(|b| (b * 31 % classes) as i32).collect(),
            factors: factors(&keys, inner, rate),
            keys,
        }
    }

    fn shared(&self) -> u32 {
        (self.inner + self.classes) as u32 * 4 + 64
    }

    fn step(&self) -> Step {
        Step { segments: self.examples as i32, ..Step::default() }
    }
}

/// (B, I)
fn factors(keys: &[Seed], inner: usize, rate: f32) -> Vec<f32> {
    if rate == 0.0 || keys.is_empty() {
        return vec![1.0; keys.len() * inner];
    }
    let ones = Tensor::ones((keys.len(), inner), DType::F32, &Device::Cpu).unwrap();
    let factors = dropout(&ones, &Dropout { rate, keys: keys.into() }).unwrap();
    factors.flatten_all().unwrap().to_vec1().unwrap()
}

/// The results of `head_loss` and `head_gradient`, with all rows of the batch.
struct Results<T> {
    active: Vec<T>,
    logits: Vec<T>,
    losses: Vec<f64>,
    dlogits: Vec<T>,
    dhidden: Vec<T>,
    dweight: Vec<T>,
    dbias: Vec<T>,
}

/// Values of a buffer with `rows` of a `width`, of which the first are given; the others are NaN.
fn bucket(device: &Emulator, values: &[f32], rows: usize, width: usize) -> Buffer<f32> {
    let mut values = values.to_vec();
    values.resize(rows * width, f32::NAN);
    device.buffer(&values)
}

/// What the head reads, on the device.
fn head_arguments(device: &Emulator, case: &Case, inputs: &Inputs) -> Vec<Argument> {
    vec![
        device.buffer(&[case.step()]).into(),
        bucket(device, &inputs.hidden, case.batch, case.inner).into(),
        device.buffer(&inputs.bias1).into(),
        device.buffer(&inputs.weight2).into(),
        device.buffer(&inputs.bias2).into(),
        device.buffer(&inputs.labels).into(),
    ]
}

fn run(device: &Emulator, case: &Case, inputs: &Inputs) -> Results<f32> {
    let Case { batch, inner, classes, .. } = *case;
    let [active, dhidden] = [(); 2].map(|()| device.poisoned::<f32>(batch * inner));
    let [logits, dlogits] = [(); 2].map(|()| device.poisoned::<f32>(batch * classes));
    let losses = device.poisoned::<f64>(batch);
    let (threshold, scale) = mask_numbers(case.rate);
    let keys: Vec<u64> = inputs.keys.iter().map(|key| key.bits(0)).collect();
    let keys = if case.rate == 0.0 { Argument::Null } else { device.buffer(&keys).into() };
    let mut arguments = head_arguments(device, case, inputs);
    arguments.extend([keys, threshold.into(), scale.into(), (case.activation as i32).into()]);
    let written: [Argument; 5] =
        [active.into(), logits.into(), losses.into(), dlogits.into(), dhidden.into()];
    arguments.extend(written);
    arguments.extend([batch, inner, classes].map(|size| Argument::from(size as i32)));
    let grid = Grid { blocks: [batch as u32, 1], threads: 128, shared: case.shared() };
    device.launch("head_loss", grid, &arguments).unwrap();
    let [dweight, dbias] = gradient(device, case, [dlogits, active], None);
    Results {
        active: device.read(&active),
        logits: device.read(&logits),
        losses: device.read(&losses),
        dlogits: device.read(&dlogits),
        dhidden: device.read(&dhidden),
        dweight,
        dbias,
    }
}

/// Gradients of the second layer from `dlogits` and `active`; added to what is `there`, if any.
fn gradient(
    device: &Emulator,
    case: &Case,
    read: [Buffer<f32>; 2],
    there: Option<[&[f32]; 2]>,
) -> [Vec<f32>; 2] {
    let Case { inner, classes, .. } = *case;
    let written = there.map_or_else(
        || [classes * inner, classes].map(|count| device.poisoned(count)),
        |there| there.map(|values| device.buffer(values)),
    );
    let mut arguments: Vec<Argument> = vec![device.buffer(&[case.step()]).into()];
    arguments.extend(read.into_iter().chain(written).map(Argument::from));
    arguments.push(i32::from(there.is_some()).into());
    arguments.extend([inner, classes].map(|size| Argument::from(size as i32)));
    let grid = Grid { blocks: [classes as u32, 1], threads: 128, shared: 0 };
    device.launch("head_gradient", grid, &arguments).unwrap();
    written.map(|values| device.read(&values))
}

/// erf by candle, which has it in f64.
fn erf(x: f64) -> f64 {
    Tensor::new(x, &Device::Cpu).unwrap().erf().unwrap().to_scalar().unwrap()
}

/// An activation and its slope.
fn activate(u: f64, activation: Activation) -> (f64, f64) {
    if activation == Activation::Relu {
        return if u < 0.0 { (0.0, 0.0) } else { (u, 1.0) };
    }
    let below = 0.5 * (1.0 + erf(u * std::f64::consts::FRAC_1_SQRT_2));
    let density = (-0.5 * u * u).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (u * below, below + u * density)
}

/// The same by f64. Rows behind the last example are zeros.
fn oracle(case: &Case, inputs: &Inputs) -> Results<f64> {
    let Case { batch, inner, classes, .. } = *case;
    let mut all = Results {
        active: vec![0.0; batch * inner],
        logits: vec![0.0; batch * classes],
        losses: vec![0.0; batch],
        dlogits: vec![0.0; batch * classes],
        dhidden: vec![0.0; batch * inner],
        dweight: vec![0.0; classes * inner],
        dbias: vec![0.0; classes],
    };
    let weight = |k: usize, i: usize| f64::from(inputs.weight2[k * inner + i]);
    for b in 0..case.examples {
        let u = |i| f64::from(inputs.hidden[b * inner + i]) + f64::from(inputs.bias1[i]);
        let factor = |i| f64::from(inputs.factors[b * inner + i]);
        let shapes: Vec<_> = (0..inner).map(|i| activate(u(i), case.activation)).collect();
        let active: Vec<f64> = (0..inner).map(|i| shapes[i].0 * factor(i)).collect();
        let dot = |k: usize| active.iter().enumerate().map(|(i, a)| a * weight(k, i)).sum::<f64>();
        let logits: Vec<f64> = (0..classes).map(|k| dot(k) + f64::from(inputs.bias2[k])).collect();
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        let label = inputs.labels[b] as usize;
        all.losses[b] = sum.ln() - logits[label];
        for (k, logit) in logits.iter().enumerate() {
            let slope = logit.exp() / sum - if k == label { 1.0 } else { 0.0 };
            all.dlogits[b * classes + k] = slope;
            all.dbias[k] += slope;
            for i in 0..inner {
                all.dweight[k * inner + i] += slope * active[i];
                all.dhidden[b * inner + i] += slope * weight(k, i) * factor(i) * shapes[i].1;
            }
        }
        all.active[b * inner..][..inner].copy_from_slice(&active);
        all.logits[b * classes..][..classes].copy_from_slice(&logits);
    }
    all
}

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
    use Activation::{Gelu, Relu};
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
    let slope = |change: &dyn Fn(&mut Inputs, f32)| {
        let ahead = loss(&|inputs| change(inputs, step)) - loss(&|inputs| change(inputs, -step));
        ahead / (2.0 * f64::from(step))
    };
    for (i, &got) in got.dhidden[..24].iter().enumerate() {
        let expected = slope(&|inputs, by| inputs.hidden[i] += by);
        assert!((f64::from(got) - expected).abs() < 1e-5, "hidden {i}: {got}, {expected}");
    }
    for (i, &got) in got.dweight.iter().enumerate() {
        let expected = slope(&|inputs, by| inputs.weight2[i] += by);
        assert!((f64::from(got) - expected).abs() < 1e-5, "weight2 {i}: {got}, {expected}");
    }
    for (k, &got) in got.dbias.iter().enumerate() {
        let expected = slope(&|inputs, by| inputs.bias2[k] += by);
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

fn logits(device: &Emulator, case: &Case, inputs: &Inputs, labelled: bool) -> (Vec<f32>, Vec<f64>) {
    let logits = device.poisoned::<f32>(case.batch * case.classes);
    let losses = device.poisoned::<f64>(case.batch);
    let mut arguments = head_arguments(device, case, inputs);
    if !labelled {
        arguments[5] = Argument::Null;
    }
    arguments.push((case.activation as i32).into());
    arguments.push(logits.into());
    arguments.push(if labelled { losses.into() } else { Argument::Null });
    let sizes = [case.batch, case.inner, case.classes];
    arguments.extend(sizes.map(|size| Argument::from(size as i32)));
    let grid = Grid { blocks: [case.batch as u32, 1], threads: 128, shared: case.shared() };
    device.launch("head_logits", grid, &arguments).unwrap();
    (device.read(&logits), device.read(&losses))
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
    for activation in [Activation::Gelu, Activation::Relu] {
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
