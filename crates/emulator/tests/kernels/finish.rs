//! What an update adds up over ranks, and the factor of its gradients.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use lockstep_emulator::{Emulator, Grid, RawArgument, in_every_order};
use lockstep_program::{Control, PassNumbers, RESULTS, Rate, UpdateResult};
use proptest::prelude::*;

use crate::numbers::noise;

const GRID: Grid = Grid { blocks: [1, 1], threads: 256, shared: 256 * 8 };

/// The totals of passes with these numbers and losses, one after the other.
fn totals(device: &Emulator, passes: &[(PassNumbers, &[f64])]) -> Vec<f32> {
    let totals = device.poisoned::<f32>(5);
    for (add, (step, losses)) in passes.iter().enumerate() {
        let arguments: [RawArgument; 4] = [
            device.buffer(&[*step]).into(),
            device.buffer(losses).into(),
            totals.into(),
            i32::from(add > 0).into(),
        ];
        device.launch("totals", GRID, &arguments).unwrap();
    }
    device.read(&totals)
}

fn step(rows: i32, segments: i32, stop: i32) -> PassNumbers {
    PassNumbers { rows, segments, stop, ..PassNumbers::default() }
}

fn losses(count: usize, stream: u64) -> Vec<f64> {
    noise(count, stream).into_iter().map(|x| f64::from(x).abs() * 3.7).collect()
}

fn loss_of(totals: &[f32]) -> f64 {
    f64::from(totals[0]) + f64::from(totals[1])
}

fn assert_close(got: f64, expected: f64, tolerance: f64) {
    let near = (got - expected).abs() <= tolerance * expected.abs();
    assert!(near, "{got}, but expected {expected}");
}

#[test]
fn totals_are_sums() {
    for count in [0, 1, 2, 16, 255, 256, 257, 1000] {
        // The bucket has more rows than there are examples.
        let mut values = losses(count, 1);
        let expected: f64 = values.iter().sum();
        values.resize(count + 3, f64::NAN);
        let step = step(7 * count as i32, count as i32, i32::from(count == 16));
        let got = in_every_order(|device| totals(device, &[(step, &values)]));
        assert_close(loss_of(&got), expected, 1e-14);
        let counts = [count as f32, 7.0 * count as f32, f32::from(u8::from(count == 16))];
        assert_eq!(got[2..], counts);
    }
}

#[test]
fn further_passes_are_added() {
    let (first, second) = (losses(300, 2), losses(41, 3));
    let passes = [(step(900, 300, 0), &first[..]), (step(100, 41, 1), &second[..])];
    let got = in_every_order(|device| totals(device, &passes));
    let expected: f64 = first.iter().chain(&second).sum();
    assert_close(loss_of(&got), expected, 1e-13);
    assert_eq!(got[2..], [341.0, 1000.0, 1.0]);
}

#[test]
fn a_loss_that_is_no_number_stays_none() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        let mut values = losses(20, 4);
        values[13] = bad;
        let got = in_every_order(|device| totals(device, &[(step(20, 20, 0), &values)]));
        assert!(!loss_of(&got).is_finite(), "{bad}: {got:?}");
        assert_eq!(got[2..], [20.0, 20.0, 0.0]);
    }
}

struct Clip {
    step: PassNumbers,
    squares: Vec<f64>,
    totals: [f32; 5],
    max_norm: f64,
    skips: bool,
    control: Control,
}

/// The rates of six updates, before the kernel.
const RATES: [Rate; 12] = [Rate { kept: 0.9, size: 0.1, correction: 0.5, skipped: 0.0 }; 12];

/// What the kernel leaves: control, rates and results.
struct Left {
    control: Control,
    rates: Vec<Rate>,
    results: Vec<UpdateResult>,
}

impl Clip {
    /// Examples, each with a loss of a quarter.
    fn new(squares: Vec<f64>, examples: i32, max_norm: f64) -> Self {
        let step = PassNumbers { update: 5, examples, ..PassNumbers::default() };
        let totals = [0.25 * examples as f32, 1e-9, examples as f32, 77.0, 0.0];
        let control = Control::default();
        Self { step, squares, totals, max_norm, skips: false, control }
    }

    /// Runs the kernel.
    fn run(&self, device: &Emulator) -> Left {
        let control = device.buffer(&[self.control]);
        let rates = device.buffer(&RATES);
        let results = device.buffer(&vec![UpdateResult::default(); RESULTS]);
        let arguments: [RawArgument; 9] = [
            device.buffer(&[self.step]).into(),
            device.buffer(&self.squares).into(),
            (self.squares.len() as i32).into(),
            device.buffer(&self.totals).into(),
            self.max_norm.into(),
            i32::from(self.skips).into(),
            rates.into(),
            control.into(),
            results.into(),
        ];
        device.launch("clip", GRID, &arguments).unwrap();
        let control = device.read(&control)[0];
        Left { control, rates: device.read(&rates), results: device.read(&results) }
    }

    /// The same in every order.
    fn left(&self) -> Left {
        in_every_order(|device| {
            let Left { control, rates, results } = self.run(device);
            let parts = [bytemuck::bytes_of(&control), bytemuck::cast_slice(&rates)];
            [parts.concat(), bytemuck::cast_slice(&results).to_vec()].concat()
        });
        self.run(&Emulator::new(1))
    }

    /// Control and results.
    fn outcome(&self) -> (Control, Vec<UpdateResult>) {
        let Left { control, rates, results } = self.left();
        assert!(control.skipped != 0 || rates == RATES, "{rates:?}");
        (control, results)
    }

    /// Whether the update is marked as failed, and its result.
    fn failure(&self) -> (i32, UpdateResult) {
        let (control, results) = self.outcome();
        (control.failed, results[self.step.update as usize % RESULTS])
    }
}

/// `GlobalSums::mean`, then `clip` of the CPU: the norm, and what gradients are multiplied by.
fn expected(squares: f64, examples: i32, max_norm: f64) -> (f64, f32) {
    let factor = 1.0 / f64::from(examples);
    let norm = factor * squares.sqrt();
    (norm, (factor * (max_norm / (norm + 1e-6)).min(1.0)) as f32)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Sums of whole numbers are exact in any order.
    #[test]
    fn the_scale_has_the_bits_of_the_cpu(
        squares in prop::collection::vec(0_u32..1_000_000, 1..700),
        examples in 1..5000_i32,
        max_norm in prop_oneof![Just(1.0), 1e-3..1e3],
    ) {
        let values: Vec<f64> = squares.iter().map(|&x| f64::from(x)).collect();
        let (norm, scale) = expected(values.iter().sum(), examples, max_norm);
        let (control, results) = Clip::new(values, examples, max_norm).outcome();
        prop_assert_eq!(control.gradient_scale.to_bits(), scale.to_bits());
        prop_assert_eq!(results[5].norm.to_bits(), norm.to_bits());
        prop_assert_eq!(control.failed, 0);
    }
}

#[test]
fn results_tell_what_was_found() {
    let squares: Vec<f64> = losses(896, 5);
    let (norm, _) = expected(squares.iter().sum(), 16, 1.0);
    let mut clip = Clip::new(squares, 16, 1.0);
    clip.totals[4] = 3.0;
    let (_, results) = clip.outcome();
    let result = results[5];
    assert_close(result.norm, norm, 1e-14);
    assert_eq!(result.loss, 4.0 + f64::from(1e-9_f32));
    assert_eq!((result.update, result.examples), (5, 16));
    assert_eq!((result.tokens, result.stop), (77, 1));
}

#[test]
fn the_ring_begins_anew() {
    for (update, slot) in [(0, 0), (1023, 1023), (1024, 0), (3000, 952)] {
        let mut clip = Clip::new(vec![4.0], 1, 1.0);
        clip.step.update = update;
        let (_, results) = clip.outcome();
        for (place, result) in results.iter().enumerate() {
            let written = UpdateResult { update, ..results[slot] };
            let other = if place == slot { written } else { UpdateResult::default() };
            assert_eq!(*result, other, "update {update}, slot {place}");
        }
        assert_eq!(results[slot].norm, 2.0);
    }
}

#[test]
fn what_is_not_finite_marks_the_update_once() {
    let right = || Clip::new(losses(128, 6), 16, 1.0);
    for bad in [f64::NAN, f64::INFINITY] {
        let mut clip = right();
        clip.squares[77] = bad;
        assert_eq!(clip.failure().0, 6);
        let mut clip = right();
        clip.totals[0] = bad as f32;
        assert_eq!(clip.failure().0, 6);
        // An earlier mark stays, after a right update as well.
        clip.control.failed = 3;
        assert_eq!(clip.failure().0, 3);
        clip.totals[0] = 1.0;
        assert_eq!(clip.failure().0, 3);
    }
    assert_eq!(right().failure().0, 0);
}

#[test]
fn what_is_not_finite_is_skipped_where_that_is_allowed() {
    let right = || Clip { skips: true, ..Clip::new(losses(128, 6), 16, 1.0) };
    for bad in [f64::NAN, f64::INFINITY] {
        let mut clip = right();
        clip.squares[77] = bad;
        let Left { control, rates, results } = clip.left();
        assert_eq!((control.failed, control.skipped), (0, 1));
        assert!(!results[5].norm.is_finite());
        let skipped = Rate { kept: 1.0, skipped: 1.0, ..RATES[0] };
        for (place, rate) in rates.into_iter().enumerate() {
            assert_eq!(rate, if place / 2 == 5 { skipped } else { RATES[0] }, "rate {place}");
        }
        let mut clip = right();
        clip.totals[0] = bad as f32;
        assert_eq!(clip.left().control.skipped, 1);
        // The mark is that of one update.
        clip.totals[0] = 1.0;
        clip.control.skipped = 1;
        assert_eq!(clip.left().control.skipped, 0);
        // What has failed stays so, and examples that are missing are not skipped.
        clip.totals[2] = 15.0;
        clip.squares[77] = bad;
        let Left { control, .. } = clip.left();
        assert_eq!((control.failed, control.skipped), (6, 0));
    }
    assert_eq!(right().left().control.skipped, 0);
}

#[test]
fn examples_that_are_missing_mark_the_update() {
    let mut clip = Clip::new(losses(128, 7), 16, 1.0);
    clip.totals[2] = 15.0;
    let (failed, result) = clip.failure();
    assert_eq!((failed, result.examples), (6, 15));
    // The weights of no example have no gradient.
    let (failed, _) = Clip::new(vec![0.0; 128], 0, 1.0).failure();
    assert_eq!(failed, 6);
}
