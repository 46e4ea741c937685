//! Sums of parts and of squares.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use lockstep_emulator::{Grid, RawArgument, in_every_order};
use lockstep_program::PassNumbers;

use crate::oracle::column_sums;
use crate::values::{assert_close, values, wide};

/// Counts and widths of four sums of one launch.
const SUMS: [[(usize, usize); 4]; 4] = [
    [(0, 8), (1, 1), (31, 768 * 3), (0, 0)],
    [(33, 8), (0, 0), (1056, 8), (1056, 1)],
    [(0, 0), (0, 0), (0, 0), (264, 768)],
    [(32, 32), (256, 33), (2, 768 * 3), (1, 40)],
];

/// The parts of the sum at a place of the launch.
fn parts(place: usize, (count, width): (usize, usize)) -> Vec<f32> {
    values(place as u64, count * width)
}

/// What is there before the sum is added.
fn before(place: usize, (_, width): (usize, usize)) -> Vec<f32> {
    values(10 + place as u64, width)
}

/// The results of a launch, one after the other.
fn launched(sums: &[(usize, usize); 4], adds: bool) -> Vec<f32> {
    in_every_order(|device| {
        let (mut arguments, mut outs) = (Vec::new(), Vec::new());
        for (place, &(count, width)) in sums.iter().enumerate() {
            let from = match count * width {
                0 => RawArgument::Null,
                _ => device.buffer(&parts(place, sums[place])).into(),
            };
            let out = match adds {
                true => device.buffer(&before(place, sums[place])),
                false => device.poisoned::<f32>(width),
            };
            let to = if width == 0 { RawArgument::Null } else { out.into() };
            let (count, width) = (RawArgument::I32(count as i32), RawArgument::I32(width as i32));
            arguments.extend([from, to, count, width]);
            outs.push(out);
        }
        arguments.push(i32::from(adds).into());
        let widest = sums.iter().map(|&(_, width)| width as u32).max().unwrap();
        let blocks = [widest.div_ceil(32), 4];
        let grid = Grid { blocks, threads: 1024, shared: 32 * 32 * 4 };
        device.launch("sum_parts", grid, &arguments).unwrap();
        outs.iter().flat_map(|out| device.read(out)).collect()
    })
}

fn sums_of_parts(sums: &[(usize, usize); 4], adds: bool) {
    let got = launched(sums, adds);
    let mut got = got.as_slice();
    for (place, &(count, width)) in sums.iter().enumerate() {
        let mut expected = column_sums(&wide(&parts(place, sums[place])), width.max(1));
        expected.truncate(width);
        if adds {
            let before = before(place, sums[place]);
            expected.iter_mut().zip(before).for_each(|(sum, x)| *sum += f64::from(x));
        }
        let (sum, rest) = got.split_at(width);
        got = rest;
        let what = format!("{count} rows of {width}, add {adds}");
        if count == 0 && !adds {
            assert!(sum.iter().all(|sum| sum.to_bits() == 0), "{what}: not zero");
        }
        assert_close::<f32>(&what, sum, &expected);
    }
}

#[test]
fn parts_are_summed_column_by_column() {
    for sums in &SUMS {
        sums_of_parts(sums, false);
        sums_of_parts(sums, true);
    }
}

#[test]
fn a_sum_of_parts_does_not_depend_on_its_place_in_the_launch() {
    let parts = values::<f32>(1, 100 * 40);
    let at = |place: usize| {
        in_every_order(|device| {
            let (parts, out) = (device.buffer(&parts), device.poisoned::<f32>(40));
            let mut arguments = Vec::new();
            for i in 0..4 {
                arguments.extend(match i == place {
                    true => [parts.into(), out.into(), 100_i32.into(), 40_i32.into()],
                    false => [RawArgument::Null, RawArgument::Null, 0_i32.into(), 0_i32.into()],
                });
            }
            arguments.push(0_i32.into());
            let grid = Grid { blocks: [3, 4], threads: 1024, shared: 32 * 32 * 4 };
            device.launch("sum_parts", grid, &arguments).unwrap();
            device.read(&out)
        })
    };
    let first = at(0);
    assert!((1..4).all(|place| at(place) == first));
}

const SQUARES: Grid = Grid { blocks: [128, 1], threads: 256, shared: 256 * 8 };

/// Sums of f64 in another order: 1e-12 leaves room for some thousand roundings.
fn assert_squares(parts: &[f64], values: &[f32]) {
    let expected: f64 = wide(values).iter().map(|value| value * value).sum();
    let got: f64 = parts.iter().sum();
    assert!((got - expected).abs() <= 1e-12 * expected, "{}: {got}, {expected}", values.len());
}

#[test]
fn squares_are_summed_in_f64() {
    // 1e30 overflows in f32; the last count is more than one round of all threads' loads.
    for count in [0, 1, 31, 257, 40_003, 600_001] {
        let mut values = values::<f32>(1, count);
        if count == 31 {
            values[7] = 1e30;
        }
        let parts: Vec<f64> = in_every_order(|device| {
            let from = match count {
                0 => RawArgument::Null,
                _ => device.buffer(&values).into(),
            };
            let parts = device.poisoned::<f64>(128);
            let arguments = [from, (count as i64).into(), parts.into()];
            device.launch("squares", SQUARES, &arguments).unwrap();
            device.read(&parts)
        });
        assert_squares(&parts, &values);
    }
}

#[test]
fn squares_of_rows_end_with_the_words_that_are_read() {
    for (words, rows, width) in [(0, 3, 8), (1, 1, 8), (5, 9, 96), (40, 40, 768)] {
        let mut values = values::<f32>(1, rows * width);
        values[words * width..].fill(f32::NAN);
        let step = PassNumbers { words: words as i32, ..PassNumbers::default() };
        let parts: Vec<f64> = in_every_order(|device| {
            let (step, values) = (device.buffer(&[step]), device.buffer(&values));
            let parts = device.poisoned::<f64>(128);
            let arguments = [step.into(), values.into(), parts.into(), (width as i32).into()];
            device.launch("squares_rows", SQUARES, &arguments).unwrap();
            device.read(&parts)
        });
        assert_squares(&parts, &values[..words * width]);
    }
}
