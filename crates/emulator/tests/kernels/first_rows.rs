//! The first rows of the segments, gathered and added to.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use lockstep_emulator::in_every_order;
use lockstep_program::PassNumbers;

use crate::values::{Case, Element, read, spoil, values};

/// Segments, the batch's bucket, the width, blocks.
const SHAPES: [(usize, usize, usize, u32); 6] =
    [(0, 4, 64, 1), (1, 1, 8, 1), (3, 8, 96, 2), (5, 5, 416, 1), (13, 16, 768, 3), (7, 7, 1024, 2)];

struct Batch {
    case: Case,
    /// The first row of each segment, and of the one behind the last.
    offsets: Vec<i32>,
    /// All rows.
    total: usize,
}

impl Batch {
    fn all() -> impl Iterator<Item = Self> {
        SHAPES.into_iter().map(|(real, rows, width, blocks)| {
            let offsets: Vec<i32> = (0..=real as i32).map(|i| i * (i + 1) / 2).collect();
            let total = offsets[real] as usize + 2;
            Self { case: Case { rows, real, width, rate: 0.0, blocks }, offsets, total }
        })
    }

    fn step(&self) -> PassNumbers {
        PassNumbers { segments: self.case.real as i32, ..PassNumbers::default() }
    }

    fn starts(&self) -> impl Iterator<Item = usize> {
        let width = self.case.width;
        self.offsets[..self.case.real].iter().map(move |&row| row as usize * width)
    }
}

fn gather_is_right<T: Element>() {
    for batch in Batch::all() {
        let case = batch.case;
        let x = values::<T>(1, batch.total * case.width);
        let got = in_every_order(|device| {
            let step = device.buffer(&[batch.step()]);
            let (offsets, x) = (device.buffer(&batch.offsets), device.buffer(&x));
            let out = device.poisoned::<T>(case.count());
            let (rows, width) = (case.rows as i32, case.width as i32);
            let arguments =
                [step.into(), offsets.into(), x.into(), out.into(), rows.into(), width.into()];
            device.launch(&format!("gather_first_{}", T::NAME), case.grid(0), &arguments).unwrap();
            read(device, &out)
        });
        let mut expected: Vec<f32> = batch
            .starts()
            .flat_map(|start| x[start..][..case.width].iter().map(|x| x.value()))
            .collect();
        expected.resize(case.count(), 0.0);
        assert_eq!(got, expected, "{case:?} in {}", T::NAME);
    }
}

#[test]
fn first_rows_are_gathered() {
    gather_is_right::<f32>();
    gather_is_right::<u16>();
}

fn add_is_right<T: Element>() {
    for batch in Batch::all() {
        let case = batch.case;
        let dx = values::<T>(1, batch.total * case.width);
        let mut dfirst = values::<T>(2, case.count());
        spoil(&mut dfirst, case.real, case.width);
        let got = in_every_order(|device| {
            let step = device.buffer(&[batch.step()]);
            let (offsets, dfirst) = (device.buffer(&batch.offsets), device.buffer(&dfirst));
            let dx = device.buffer(&dx);
            let (rows, width) = (case.rows as i32, case.width as i32);
            let arguments =
                [step.into(), offsets.into(), dfirst.into(), dx.into(), rows.into(), width.into()];
            device.launch(&format!("add_first_{}", T::NAME), case.grid(0), &arguments).unwrap();
            read(device, &dx)
        });
        let mut expected: Vec<f32> = dx.iter().map(|x| x.value()).collect();
        for (start, first) in batch.starts().zip(dfirst.chunks_exact(case.width)) {
            for (value, first) in expected[start..].iter_mut().zip(first) {
                *value = T::of(*value + first.value()).value();
            }
        }
        assert_eq!(got, expected, "{case:?} in {}", T::NAME);
    }
}

#[test]
fn first_rows_are_added_to() {
    add_is_right::<f32>();
    add_is_right::<u16>();
}
