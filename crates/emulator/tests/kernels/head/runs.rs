//! Heads of the tests, and the kernels' results.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use candle_core::{DType, Device, Tensor};
use lockstep_emulator::{Buffer, Emulator, Grid, RawArgument};
use lockstep_kernels::{Dropout, dropout};
use lockstep_program::PassNumbers;
use lockstep_world::Seed;

use crate::numbers::{mask_numbers, noise};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    Gelu,
    Relu,
    Tanh,
}

/// A head and a batch of examples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) examples: usize,
    pub(super) batch: usize,
    pub(super) inner: usize,
    pub(super) classes: usize,
    pub(super) activation: Activation,
    pub(super) rate: f32,
}

/// What the kernels read, without the rows behind the last example.
pub(super) struct Inputs {
    pub(super) hidden: Vec<f32>,  // (B, I)
    pub(super) bias1: Vec<f32>,   // (I)
    pub(super) weight2: Vec<f32>, // (K, I)
    pub(super) bias2: Vec<f32>,   // (K)
    pub(super) labels: Vec<i32>,  // (B)
    pub(super) keys: Vec<Seed>,   // (B)
    pub(super) factors: Vec<f32>, // (B, I)
}

impl Case {
    pub(super) fn inputs(&self) -> Inputs {
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

    fn step(&self) -> PassNumbers {
        PassNumbers { segments: self.examples as i32, ..PassNumbers::default() }
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
pub(super) struct Results<T> {
    pub(super) active: Vec<T>,
    pub(super) logits: Vec<T>,
    pub(super) losses: Vec<f64>,
    pub(super) dlogits: Vec<T>,
    pub(super) dhidden: Vec<T>,
    pub(super) dweight: Vec<T>,
    pub(super) dbias: Vec<T>,
}

/// Values of a buffer with `rows` of a `width`, of which the first are given; the others are NaN.
fn bucket(device: &Emulator, values: &[f32], rows: usize, width: usize) -> Buffer<f32> {
    let mut values = values.to_vec();
    values.resize(rows * width, f32::NAN);
    device.buffer(&values)
}

/// What the head reads, on the device.
fn head_arguments(device: &Emulator, case: &Case, inputs: &Inputs) -> Vec<RawArgument> {
    vec![
        device.buffer(&[case.step()]).into(),
        bucket(device, &inputs.hidden, case.batch, case.inner).into(),
        device.buffer(&inputs.bias1).into(),
        device.buffer(&inputs.weight2).into(),
        device.buffer(&inputs.bias2).into(),
        device.buffer(&inputs.labels).into(),
    ]
}

pub(super) fn run(device: &Emulator, case: &Case, inputs: &Inputs) -> Results<f32> {
    let Case { batch, inner, classes, .. } = *case;
    let [active, dhidden] = [(); 2].map(|()| device.poisoned::<f32>(batch * inner));
    let [logits, dlogits] = [(); 2].map(|()| device.poisoned::<f32>(batch * classes));
    let losses = device.poisoned::<f64>(batch);
    let (threshold, scale) = mask_numbers(case.rate);
    let keys: Vec<u64> = inputs.keys.iter().map(|key| key.bits(0)).collect();
    let keys = if case.rate == 0.0 { RawArgument::Null } else { device.buffer(&keys).into() };
    let mut arguments = head_arguments(device, case, inputs);
    arguments.extend([keys, threshold.into(), scale.into(), (case.activation as i32).into()]);
    let written: [RawArgument; 5] =
        [active.into(), logits.into(), losses.into(), dlogits.into(), dhidden.into()];
    arguments.extend(written);
    arguments.extend([batch, inner, classes].map(|size| RawArgument::from(size as i32)));
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
pub(super) fn gradient(
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
    let mut arguments: Vec<RawArgument> = vec![device.buffer(&[case.step()]).into()];
    arguments.extend(read.into_iter().chain(written).map(RawArgument::from));
    arguments.push(i32::from(there.is_some()).into());
    arguments.extend([inner, classes].map(|size| RawArgument::from(size as i32)));
    let grid = Grid { blocks: [classes as u32, 1], threads: 128, shared: 0 };
    device.launch("head_gradient", grid, &arguments).unwrap();
    written.map(|values| device.read(&values))
}

pub(super) fn logits(
    device: &Emulator,
    case: &Case,
    inputs: &Inputs,
    labelled: bool,
) -> (Vec<f32>, Vec<f64>) {
    let logits = device.poisoned::<f32>(case.batch * case.classes);
    let losses = device.poisoned::<f64>(case.batch);
    let mut arguments = head_arguments(device, case, inputs);
    if !labelled {
        arguments[5] = RawArgument::Null;
    }
    arguments.push((case.activation as i32).into());
    arguments.push(logits.into());
    arguments.push(if labelled { losses.into() } else { RawArgument::Null });
    let sizes = [case.batch, case.inner, case.classes];
    arguments.extend(sizes.map(|size| RawArgument::from(size as i32)));
    let grid = Grid { blocks: [case.batch as u32, 1], threads: 128, shared: case.shared() };
    device.launch("head_logits", grid, &arguments).unwrap();
    (device.read(&logits), device.read(&losses))
}
