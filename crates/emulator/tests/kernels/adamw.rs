//! AdamW over chunks has the bits of the CPU's.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use candle_core::{Device, Tensor, Var};
use lockstep_emulator::{
    Buffer, Emulator, Grid, RawArgument, bf16_bits, bf16_value, in_every_order,
};
use lockstep_kernels::{AdamWUpdate, Gradient};
use lockstep_program::{CHUNK, Chunk, Control, DECAYS, HEAD, Moments, PassNumbers, Rate};

use crate::numbers::{bits, moments, noise, rate, update};

const GOLDEN: &str = include_str!("../../../kernels/golden/adamw.tsv");
const GRID: Grid = Grid { blocks: [7, 1], threads: 256, shared: 0 };

/// The type of the copies.
#[derive(Clone, Copy, PartialEq)]
enum Copy {
    None,
    F32,
    Bf16,
}

/// A parameter on the device.
struct Parameter {
    weight: Buffer<f32>,
    first: Buffer<f32>,
    second: Buffer<f32>,
    f32: Buffer<f32>,
    bf16: Buffer<u16>,
    length: usize,
}

impl Parameter {
    fn new(device: &Emulator, weight: &[f32]) -> Self {
        let (length, zeros) = (weight.len(), vec![0.0; weight.len()]);
        Self {
            weight: device.buffer(weight),
            first: device.buffer(&zeros),
            second: device.buffer(&zeros),
            f32: device.poisoned(length),
            bf16: device.poisoned(length),
            length,
        }
    }

    /// `gradient`: where its gradients begin.
    fn chunks(&self, copy: Copy, gradient: usize, flags: i32) -> impl Iterator<Item = Chunk> {
        (0..self.length).step_by(CHUNK).map(move |start| Chunk {
            weight: self.weight.address() + 4 * start as u64,
            first: self.first.address() + 4 * start as u64,
            second: self.second.address() + 4 * start as u64,
            copy: match copy {
                Copy::None => 0,
                Copy::F32 => self.f32.address() + 4 * start as u64,
                Copy::Bf16 => self.bf16.address() + 2 * start as u64,
            },
            gradient: (gradient + start) as i64,
            length: CHUNK.min(self.length - start) as i32,
            flags,
        })
    }

    /// The copy, as f32.
    fn copy(&self, device: &Emulator, copy: Copy) -> Vec<f32> {
        match copy {
            Copy::None => Vec::new(),
            Copy::F32 => device.read(&self.f32),
            Copy::Bf16 => device.read(&self.bf16).into_iter().map(bf16_value).collect(),
        }
    }

    fn values(&self, device: &Emulator) -> Vec<f32> {
        let [w, m, v] = [self.weight, self.first, self.second].map(|values| device.read(&values));
        [w, m, v].concat()
    }
}

/// One launch.
struct Launch<'a> {
    kernel: &'a str,
    update: usize,
    chunks: &'a [Chunk],
    gradients: &'a [f32],
    rates: &'a [Rate],
    moments: Moments,
    control: Control,
}

impl Launch<'_> {
    fn run(&self, device: &Emulator) {
        let step = PassNumbers { update: self.update as i32, ..PassNumbers::default() };
        let arguments: [RawArgument; 7] = [
            device.buffer(&[step]).into(),
            device.buffer(self.chunks).into(),
            (self.chunks.len() as i32).into(),
            device.buffer(self.gradients).into(),
            device.buffer(self.rates).into(),
            self.moments.into(),
            device.buffer(&[self.control]).into(),
        ];
        device.launch(self.kernel, GRID, &arguments).unwrap();
    }
}

fn copy_weights(device: &Emulator, kernel: &str, chunks: &[Chunk]) {
    let arguments: [RawArgument; 2] = [device.buffer(chunks).into(), (chunks.len() as i32).into()];
    device.launch(kernel, GRID, &arguments).unwrap();
}

/// A parameter of the model that the tests train.
struct Shape {
    length: usize,
    flags: i32,
    /// Floats of the arena before its gradients that belong to no parameter.
    gap: usize,
}

const SHAPES: [Shape; 7] = [
    Shape { length: 1, flags: 0, gap: 0 },
    Shape { length: 768, flags: HEAD, gap: 3 },
    Shape { length: 20_000, flags: HEAD | DECAYS, gap: 0 },
    Shape { length: 8192, flags: DECAYS, gap: 0 },
    // Its gradients are not aligned.
    Shape { length: 8193, flags: DECAYS, gap: 2 },
    Shape { length: 1027, flags: 0, gap: 0 },
    Shape { length: 7, flags: DECAYS, gap: 1 },
];

/// Where the gradients of each shape begin, and the length of the arena.
fn offsets() -> (Vec<usize>, usize) {
    let mut end = 0;
    let place = |shape: &Shape| {
        let start = end + shape.gap;
        end = start + shape.length;
        start
    };
    (SHAPES.iter().map(place).collect(), end)
}

const UPDATES: usize = 5;
const RATES: [f64; 2] = [5e-4, 2e-3];

/// Of an update and a group; the rate falls.
fn numbers(step: usize, flags: i32) -> AdamWUpdate {
    let group = usize::from(flags & HEAD != 0);
    let mut update = update(step, RATES[group] / (step + 1) as f64, 0.37 / (step + 1) as f32);
    if flags & DECAYS == 0 {
        update.weight_decay = 0.0;
    }
    update
}

fn rates() -> Vec<Rate> {
    let of_groups = |step| [DECAYS, HEAD | DECAYS].map(|flags| rate(&numbers(step, flags)));
    (0..UPDATES).flat_map(of_groups).collect()
}

/// Weights, moments and copies of all shapes after all updates; nothing happens in and after the
/// update that failed.
fn trained(device: &Emulator, copy: Copy, fails: usize) -> Vec<f32> {
    let (offsets, arena) = offsets();
    let parameter =
        |(i, shape): (usize, &Shape)| Parameter::new(device, &noise(shape.length, i as u64));
    let parameters: Vec<Parameter> = SHAPES.iter().enumerate().map(parameter).collect();
    let all = || parameters.iter().zip(&SHAPES).zip(&offsets);
    let chunks: Vec<Chunk> =
        all().flat_map(|((p, shape), &offset)| p.chunks(copy, offset, shape.flags)).collect();
    let bf16 = copy == Copy::Bf16;
    copy_weights(device, if bf16 { "copy_weights_bf16" } else { "copy_weights_f32" }, &chunks);
    for step in 0..UPDATES {
        let failed = if step >= fails { 1 + fails as i32 } else { 0 };
        let gradient_scale = numbers(step, 0).gradient_scale as f32;
        let launch = Launch {
            kernel: if bf16 { "adamw_bf16" } else { "adamw_f32" },
            update: step,
            chunks: &chunks,
            gradients: &noise(arena, 100 + step as u64),
            rates: &rates(),
            moments: moments(&numbers(0, 0)),
            control: Control { gradient_scale, failed, ..Control::default() },
        };
        launch.run(device);
    }
    let values = |p: &Parameter| [p.values(device), p.copy(device, copy)].concat();
    parameters.iter().flat_map(values).collect()
}

/// The same by the CPU.
fn expected(copy: Copy, updates: usize) -> Vec<f32> {
    let (offsets, arena) = offsets();
    let mut all = Vec::new();
    for (i, (shape, offset)) in SHAPES.iter().zip(offsets).enumerate() {
        let tensor = |values: Vec<f32>| Tensor::from_vec(values, shape.length, &Device::Cpu);
        let var = |values| Var::from_tensor(&tensor(values).unwrap()).unwrap();
        let weight = var(noise(shape.length, i as u64));
        let [first, second] = [(); 2].map(|()| var(vec![0.0; shape.length]));
        for step in 0..updates {
            let gradients = noise(arena, 100 + step as u64)[offset..][..shape.length].to_vec();
            let gradient = Gradient::Dense(tensor(gradients).unwrap());
            let numbers = numbers(step, shape.flags);
            lockstep_kernels::adamw(&weight, &gradient, &first, &second, &numbers).unwrap();
        }
        let values = |var: &Var| var.to_vec1::<f32>().unwrap();
        all.extend([&weight, &first, &second].map(values).concat());
        match copy {
            Copy::None => {}
            Copy::F32 => all.extend(values(&weight)),
            Copy::Bf16 => {
                all.extend(values(&weight).into_iter().map(|w| bf16_value(bf16_bits(w))));
            }
        }
    }
    all
}

#[test]
fn weights_have_the_bits_of_the_cpu() {
    for copy in [Copy::None, Copy::F32, Copy::Bf16] {
        let got = in_every_order(|device| trained(device, copy, UPDATES));
        assert!(bits(&got) == bits(&expected(copy, UPDATES)));
    }
}

#[test]
fn nothing_is_written_after_a_failed_update() {
    for fails in [0, 3] {
        let got = in_every_order(|device| trained(device, Copy::F32, fails));
        assert!(bits(&got) == bits(&expected(Copy::F32, fails)));
    }
}

/// The options of `golden/adamw.py`.
fn golden_numbers(case: &str, step: usize) -> AdamWUpdate {
    let (rate, beta1, beta2, epsilon, weight_decay) = match case {
        "usual" => (5e-5, 0.9, 0.999, 1e-8, 0.01),
        "without decay" => (1e-3, 0.9, 0.999, 1e-8, 0.0),
        _ => (0.1, 0.8, 0.95, 1e-3, 0.3),
    };
    AdamWUpdate { beta1, beta2, epsilon, weight_decay, ..update(step, rate, 1.0) }
}

/// The values that PyTorch had in f32.
fn golden(case: &str, step: usize, what: &str) -> Vec<f32> {
    let start = format!("{case}\tfloat32\t{step}\t{what}\t");
    let line = GOLDEN.lines().find_map(|line| line.strip_prefix(&start)).unwrap();
    line.split('\t').map(|value| value.parse().unwrap()).collect()
}

#[test]
fn updates_are_those_of_pytorch() {
    for case in ["usual", "without decay", "large epsilon"] {
        let device = Emulator::new(0);
        let parameter = Parameter::new(&device, &golden(case, 0, "weight"));
        let chunks: Vec<Chunk> = parameter.chunks(Copy::None, 0, DECAYS).collect();
        let of_step = |step| [rate(&golden_numbers(case, step)); 2];
        let rates: Vec<Rate> = (0..4).flat_map(of_step).collect();
        for step in 0..4 {
            let gradients = golden(case, step + 1, "gradient");
            let launch = Launch {
                kernel: "adamw_f32",
                update: step,
                chunks: &chunks,
                gradients: &gradients,
                rates: &rates,
                moments: moments(&golden_numbers(case, 0)),
                control: Control { gradient_scale: 1.0, ..Control::default() },
            };
            launch.run(&device);
            let got = parameter.values(&device);
            for (what, got) in ["weight", "first", "second"].into_iter().zip(got.chunks_exact(6)) {
                for ((expected, got), g) in
                    golden(case, step + 1, what).iter().zip(got).zip(&gradients)
                {
                    // A first moment may be a small difference of large terms.
                    let least = if what == "first" { g.abs() } else { 0.0 };
                    let close = (expected - got).abs() <= 3e-7 * expected.abs().max(least);
                    assert!(close, "{case}, update {step}, {what}: {expected}, got {got}");
                }
            }
        }
    }
}
