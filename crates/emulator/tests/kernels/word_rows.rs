//! Rows of the word table that are updated late have the bits of rows that are updated at once.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use candle_core::{Device, Tensor, Var};
use lockstep_emulator::{Buffer, Emulator, Grid, RawArgument, in_every_order};
use lockstep_kernels::{AdamWUpdate, Gradient, RowGradient, SeenRows, adamw_table};
use lockstep_program::{Control, DECAYS, HEAD, PassNumbers, Rate};
use proptest::prelude::*;

use crate::numbers::{bits, moments, noise, rate, update};

/// A run: which rows each update reads, and what is known before the first.
#[derive(Clone, Debug)]
struct Run {
    vocabulary: usize,
    width: usize,
    /// Rising rows of each update.
    reads: Vec<Vec<u32>>,
    /// Rows that had a gradient before.
    seen: Vec<bool>,
    flags: i32,
    /// The update whose norm is not finite; as many as there are, if none.
    fails: usize,
    /// The updates that are skipped.
    skips: Vec<bool>,
    blocks: u32,
}

/// Weights, both moments, updates of each row.
#[derive(PartialEq)]
struct Outcome {
    values: Vec<f32>,
    applied: Vec<i32>,
    seen: Vec<u8>,
}

impl Run {
    fn numbers(&self, step: usize) -> AdamWUpdate {
        let group = if self.flags & HEAD == 0 { 1e-3 } else { 4e-3 };
        // It rises from zero, then falls.
        let share = if step < 4 { step as f64 / 4.0 } else { 4.0 / step as f64 };
        let mut update = update(step, group * share, 0.2 + 0.1 * (step % 7) as f32);
        if self.flags & DECAYS == 0 {
            update.weight_decay = 0.0;
        }
        update
    }

    /// The kernel ignores `kept` where nothing decays.
    fn rates(&self) -> Vec<Rate> {
        let of_groups = |step| {
            [0, HEAD].map(|head| rate(&Self { flags: head | DECAYS, ..self.clone() }.numbers(step)))
        };
        (0..self.reads.len()).flat_map(of_groups).collect()
    }

    /// Weight and moments before the first update.
    fn start(&self) -> [Vec<f32>; 3] {
        let count = self.vocabulary * self.width;
        let of_seen = |values: Vec<f32>| {
            let keep = |(i, x): (usize, f32)| if self.seen[i / self.width] { x } else { 0.0 };
            values.into_iter().enumerate().map(keep).collect()
        };
        let squares = noise(count, 2).into_iter().map(|x| x * x);
        // The smallest step moves a weight of zero.
        let (mut weight, mut first) = (noise(count, 0), noise(count, 1));
        weight.iter_mut().step_by(5).for_each(|w| *w *= 0.0);
        first.iter_mut().step_by(3).for_each(|m| *m *= 1e-32);
        [weight, of_seen(first), of_seen(squares.collect())]
    }

    fn gradient(&self, step: usize) -> Vec<f32> {
        noise(self.reads[step].len() * self.width, 10 + step as u64)
    }

    /// All updates of all rows by the CPU, until one fails.
    fn eager(&self) -> Outcome {
        let shape = (self.vocabulary, self.width);
        let var = |values| {
            Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
        };
        let table = self.start().map(var);
        let mut known: Option<SeenRows> = None;
        let mut seen: Vec<u8> = self.seen.iter().map(|&seen| u8::from(seen)).collect();
        for step in (0..self.fails).filter(|&step| !self.skips[step]) {
            let rows = self.reads[step].clone();
            rows.iter().for_each(|&row| seen[row as usize] = 1);
            let gradient = RowGradient::new(rows, self.gradient(step), shape).unwrap();
            let numbers = self.numbers(step);
            adamw_table(table.each_ref(), &Gradient::Rows(gradient), &mut known, &numbers).unwrap();
        }
        let values = |var: Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let applied = vec![self.fails as i32; self.vocabulary];
        Outcome { values: table.map(values).concat(), applied, seen }
    }

    /// What update `step` sees, `behind` or before the kernel that marks a failure.
    fn control(&self, step: usize, behind: bool) -> Control {
        let fails = step > self.fails || behind && step == self.fails;
        let failed = if fails { 1 + self.fails as i32 } else { 0 };
        let gradient_scale = self.numbers(step).gradient_scale as f32;
        let skipped = i32::from(behind && self.skips[step]);
        Control { gradient_scale, failed, skipped, ..Control::default() }
    }

    /// The same by the kernels: each update reads its rows, and all rows are settled at the end.
    fn lazy(&self, device: &Emulator) -> Outcome {
        let table = Table::new(device, self);
        for (step, rows) in self.reads.iter().enumerate() {
            let ids: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
            let numbers = PassNumbers {
                words: rows.len() as i32,
                update: step as i32,
                ..PassNumbers::default()
            };
            let mut first = vec![device.buffer(&[numbers]).into(), device.buffer(&ids).into()];
            let width = [self.width];
            table.launch("catch_up_rows", first.clone(), self.control(step, false), &width);
            if self.skips[step] && step < self.fails {
                table.skip(step);
            }
            first.push(device.buffer(&self.gradient(step)).into());
            table.launch("adamw_rows", first, self.control(step, true), &width);
        }
        let updates = self.reads.len();
        let first = vec![device.buffer(&[updates as i32]).into()];
        let control = self.control(updates - 1, true);
        table.launch("settle_rows", first, control, &[self.vocabulary, self.width]);
        table.outcome()
    }

    fn check(&self) {
        let outcome = |device: &Emulator| {
            let outcome = self.lazy(device);
            let values =
                [bits(&outcome.values), outcome.applied.iter().map(|&x| x as u32).collect()];
            [values.concat(), outcome.seen.iter().map(|&x| u32::from(x)).collect()].concat()
        };
        in_every_order(outcome);
        let (eager, lazy) = (self.eager(), self.lazy(&Emulator::new(1)));
        let different =
            bits(&eager.values).iter().zip(bits(&lazy.values)).position(|(&a, b)| a != b);
        assert_eq!(different, None, "the first value that differs, of {self:?}");
        assert_eq!((lazy.applied, lazy.seen), (eager.applied, eager.seen));
    }
}

/// The table on the device.
struct Table<'a> {
    device: &'a Emulator,
    run: &'a Run,
    values: [Buffer<f32>; 3],
    applied: Buffer<i32>,
    seen: Buffer<u8>,
    rates: Buffer<Rate>,
}

impl<'a> Table<'a> {
    fn new(device: &'a Emulator, run: &'a Run) -> Self {
        let seen: Vec<u8> = run.seen.iter().map(|&seen| u8::from(seen)).collect();
        Self {
            device,
            run,
            values: run.start().map(|values| device.buffer(&values)),
            applied: device.buffer(&vec![0_i32; run.vocabulary]),
            seen: device.buffer(&seen),
            rates: device.buffer(&run.rates()),
        }
    }

    /// `first`: the arguments before the table; `sizes`: those behind its flags.
    fn launch(&self, kernel: &str, first: Vec<RawArgument>, control: Control, sizes: &[usize]) {
        let mut arguments = first;
        arguments.extend(self.values.map(RawArgument::from));
        let common: [RawArgument; 6] = [
            self.applied.into(),
            self.seen.into(),
            self.rates.into(),
            moments(&self.run.numbers(0)).into(),
            self.device.buffer(&[control]).into(),
            self.run.flags.into(),
        ];
        arguments.extend(common);
        arguments.extend(sizes.iter().map(|&size| RawArgument::from(size as i32)));
        let grid = Grid { blocks: [self.run.blocks, 1], threads: 128, shared: 0 };
        self.device.launch(kernel, grid, &arguments).unwrap();
    }

    /// What the kernel `clip` does to the rates of an update that is skipped.
    fn skip(&self, step: usize) {
        let mut rates = self.device.read(&self.rates);
        for rate in &mut rates[2 * step..][..2] {
            *rate = Rate { kept: 1.0, skipped: 1.0, ..*rate };
        }
        self.device.write(&self.rates, &rates);
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            values: self.values.map(|values| self.device.read(&values)).concat(),
            applied: self.device.read(&self.applied),
            seen: self.device.read(&self.seen),
        }
    }
}

fn runs() -> impl Strategy<Value = Run> {
    let widths = prop_oneof![Just(8_usize), Just(32), Just(264), Just(768), Just(1024)];
    let sizes = (1_usize..12, widths, 1_usize..30);
    sizes.prop_flat_map(|(vocabulary, width, updates)| {
        let rows = prop::collection::btree_set(0..vocabulary as u32, 0..=vocabulary);
        let reads =
            prop::collection::vec(rows.prop_map(|rows| rows.into_iter().collect()), updates);
        let seen = prop::collection::vec(any::<bool>(), vocabulary);
        let fails = prop_oneof![Just(updates), 0..updates];
        let skips = prop::collection::vec(prop::bool::weighted(0.2), updates);
        (reads, seen, 0..4_i32, fails, skips, 1..6_u32).prop_map(
            move |(reads, seen, flags, fails, skips, blocks)| Run {
                vocabulary,
                width,
                reads,
                seen,
                flags,
                fails,
                skips,
                blocks,
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn late_updates_have_the_bits_of_early_ones(run in runs()) {
        run.check();
    }
}

/// First moments become so small that steps vanish, then so small that they stay.
#[test]
fn long_pauses_leave_no_trace() {
    let updates = 1500;
    let mut reads = vec![Vec::new(); updates];
    reads[0] = vec![1, 2];
    reads[updates - 7] = vec![0, 2];
    let seen = vec![false; 4];
    let (flags, fails, skips) = (DECAYS, updates, vec![false; updates]);
    let run = Run { vocabulary: 4, width: 40, reads, seen, flags, fails, skips, blocks: 3 };
    run.check();
    let skips = (0..updates).map(|step| step % 400 == 100).collect();
    Run { flags: HEAD, fails: updates - 3, skips, ..run }.check();
}
