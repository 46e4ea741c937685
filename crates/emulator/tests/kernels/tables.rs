//! The gradients of the word and the position table: sums of rows in order, bit for bit.

#![expect(clippy::cast_possible_truncation, reason = "sizes of tests are small")]

use lockstep_emulator::{Buffer, Emulator, Grid, RawArgument, in_every_order};
use lockstep_program::PassNumbers;
use lockstep_world::Seed;

use crate::values::values;

/// The sum of rows one after the other.
fn summed(dsum: &[f32], rows: &[usize], width: usize) -> Vec<f32> {
    let column = |c| rows.iter().fold(0.0, |sum: f32, row| sum + dsum[row * width + c]);
    (0..width).map(column).collect()
}

/// What a launch makes of a table: of poison, or added to `before`.
fn table(
    device: &Emulator,
    before: Option<&[f32]>,
    count: usize,
    launch: impl Fn(Buffer<f32>, RawArgument),
) -> Vec<f32> {
    let out = match before {
        Some(before) => device.buffer(before),
        None => device.poisoned::<f32>(count),
    };
    launch(out, i32::from(before.is_some()).into());
    device.read(&out)
}

fn integers(values: &[usize]) -> Vec<i32> {
    values.iter().map(|&value| value as i32).collect()
}

/// The borders of parts of these lengths.
fn borders(lengths: &[usize]) -> Vec<usize> {
    (0..=lengths.len()).map(|i| lengths[..i].iter().sum()).collect()
}

fn grid(rows: usize, blocks: u32) -> Grid {
    Grid { blocks: [rows as u32, blocks], threads: 128, shared: 0 }
}

/// Rows that the bucket has behind the words.
const UNREAD: usize = 2;

struct Words {
    /// Where each word's places begin, and where the last ones end.
    starts: Vec<usize>,
    /// The rows of all words.
    places: Vec<usize>,
}

impl Words {
    fn new(counts: &[usize]) -> Self {
        let starts = borders(counts);
        let mut places: Vec<usize> = (0..starts[counts.len()]).collect();
        places.sort_by_key(|&row| Seed(8).bits(row as u64));
        Self { starts, places }
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    fn sums(&self, dsum: &[f32], width: usize) -> Vec<f32> {
        let ranges = self.starts.windows(2).map(|pair| pair[0]..pair[1]);
        ranges.flat_map(|range| summed(dsum, &self.places[range], width)).collect()
    }

    fn gradient(&self, dsum: &[f32], before: Option<&[f32]>, at: (usize, u32)) -> Vec<f32> {
        let (width, blocks) = at;
        let rows = self.count() + UNREAD;
        in_every_order(|device| {
            let step = device
                .buffer(&[PassNumbers { words: self.count() as i32, ..PassNumbers::default() }]);
            let starts = device.buffer(&integers(&self.starts));
            let places = device.buffer(&integers(&self.places));
            let dsum = device.buffer(dsum);
            table(device, before, rows * width, |out, add| {
                let width = (width as i32).into();
                let (starts, places) = (starts.into(), places.into());
                let arguments = [step.into(), starts, places, dsum.into(), out.into(), add, width];
                device.launch("word_gradient", grid(rows, blocks), &arguments).unwrap();
            })
        })
    }
}

#[test]
fn a_words_gradient_is_the_sum_of_its_rows_in_order() {
    // A word of another rank, words of a few rows, and [CLS] of more than two batches of loads.
    let words = Words::new(&[0, 1, 3, 70, 8, 33, 0]);
    for width in [8, 160, 768, 1024] {
        let dsum = values::<f32>(1, words.places.len() * width);
        let (sums, read) = (words.sums(&dsum, width), words.count() * width);
        for blocks in [1, 3] {
            let got = words.gradient(&dsum, None, (width, blocks));
            assert_eq!(got[..read], sums, "width {width}, {blocks} blocks");
            assert!(got[read..].iter().all(|value| value.is_nan()), "writes behind the words");
        }
        let mut expected = values::<f32>(2, read + UNREAD * width);
        let got = words.gradient(&dsum, Some(&expected), (width, 2));
        expected.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum);
        assert_eq!(got, expected, "width {width}, added");
    }
}

/// Positions in the table.
const PLACES: usize = 7;

fn place_gradient(
    lengths: &[usize],
    dsum: &[f32],
    before: Option<&[f32]>,
    at: (usize, u32),
) -> Vec<f32> {
    let (width, blocks) = at;
    in_every_order(|device| {
        let step = device
            .buffer(&[PassNumbers { segments: lengths.len() as i32, ..PassNumbers::default() }]);
        let offsets = device.buffer(&integers(&borders(lengths)));
        let dsum = device.buffer(dsum);
        table(device, before, PLACES * width, |out, add| {
            let width = (width as i32).into();
            let arguments = [step.into(), offsets.into(), dsum.into(), out.into(), add, width];
            device.launch("place_gradient", grid(PLACES, blocks), &arguments).unwrap();
        })
    })
}

#[test]
fn a_positions_gradient_is_the_sum_over_the_segments_that_reach_it() {
    let many: Vec<usize> = (0..70).map(|segment| 1 + segment % 5).collect();
    for lengths in [&[][..], &[1], &[3, 1, 6], &many] {
        let offsets = borders(lengths);
        let reached = |place: usize| -> Vec<usize> {
            let longer = (0..lengths.len()).filter(|&segment| lengths[segment] > place);
            longer.map(|segment| offsets[segment] + place).collect()
        };
        for width in [8, 160, 768, 1024] {
            let what = format!("{} segments, width {width}", lengths.len());
            let dsum = values::<f32>(1, offsets[lengths.len()].max(1) * width);
            let sums: Vec<f32> =
                (0..PLACES).flat_map(|place| summed(&dsum, &reached(place), width)).collect();
            for blocks in [1, 3] {
                let got = place_gradient(lengths, &dsum, None, (width, blocks));
                assert_eq!(got, sums, "{what}, {blocks} blocks");
            }
            let mut expected = values::<f32>(2, PLACES * width);
            let got = place_gradient(lengths, &dsum, Some(&expected), (width, 2));
            expected.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum);
            assert_eq!(got, expected, "{what}, added");
        }
    }
}
