//! Launches of `attention_forward` and `attention_backward`, and what they should give.

use std::ops::Range;

use lockstep_emulator::{Emulator, Grid, RawArgument};
use lockstep_program::{AttentionPass, attention_shared};

use super::case::Case;
use super::oracle::Head;
use super::value::{Value, assert_near};

/// What the kernels read.
pub(super) struct Input<T> {
    /// (rows, 3 D)
    pub(super) qkv: Vec<T>,
    pub(super) keys: Vec<u64>,
    /// (rows, D)
    pub(super) y: Vec<T>,
    /// (rows, D)
    pub(super) dy: Vec<T>,
}

impl Case {
    pub(super) fn input<T: Value>(&self) -> Input<T> {
        let (tokens, rows, width) = (self.tokens(), self.rows(), self.width());
        let qkv = self.matrix(1, [tokens, rows, 3 * width], 1.5);
        let dy = self.matrix(2, [tokens, rows, width], 1.0);
        let mut input = Input { qkv, keys: self.keys(tokens), y: Vec::new(), dy };
        input.y = self.results(&input).iter().map(|&y| T::rounded(y as f32)).collect();
        input.y[tokens * width..].fill(T::rounded(f32::NAN));
        input
    }

    /// What the forward should give.
    fn results<T: Value>(&self, input: &Input<T>) -> Vec<f64> {
        let mut out = vec![0.0; self.rows() * self.width()];
        self.each_head(input, |rows, head, oracle| {
            let columns = self.columns_of(head);
            write(&mut out, &rows, &columns, self.width(), &oracle.forward());
        });
        out
    }

    fn columns_of(&self, head: usize) -> Range<usize> {
        head * self.columns..(head + 1) * self.columns
    }

    fn each_head<T: Value>(
        &self,
        input: &Input<T>,
        mut work: impl FnMut(Range<usize>, usize, Head),
    ) {
        let biases = self.biases();
        let biased = |row: usize, which: usize, column: usize| {
            let value = input.qkv[(row * 3 + which) * self.width() + column].value() as f32;
            T::rounded(value + biases[which][column]).value()
        };
        for rows in self.segments().into_iter().filter(|rows| !rows.is_empty()) {
            for head in 0..self.heads {
                let [q, k, v] = [0, 1, 2].map(|which| -> Vec<Vec<f64>> {
                    let row = |row| self.columns_of(head).map(|c| biased(row, which, c)).collect();
                    rows.clone().map(row).collect()
                });
                let factor = |row: usize, place| {
                    let kept = self.keeps(input.keys[row], head, place);
                    if kept { f64::from(self.scale()) } else { 0.0 }
                };
                let factors = |row| (0..rows.len()).map(|place| factor(row, place)).collect();
                let factors = rows.clone().map(factors).collect();
                work(rows.clone(), head, Head { q, k, v, factors });
            }
        }
    }

    fn launch<T: Value>(
        &self,
        device: &Emulator,
        input: &Input<T>,
        pass: AttentionPass,
        rest: &[RawArgument],
    ) {
        let (columns, longest) = (self.columns, self.longest);
        let grid = Grid {
            blocks: [self.batch() as u32 + 1, self.heads as u32],
            threads: 128,
            shared: u32::try_from(attention_shared(pass, T::ELEMENT, columns, longest)).unwrap(),
        };
        let mut arguments = vec![
            self.step_buffer(device).into(),
            device.buffer(&self.offsets()).into(),
            device.buffer(&input.qkv).into(),
        ];
        arguments.extend(self.biases().map(|bias| RawArgument::from(device.buffer(&bias))));
        arguments.extend(rest);
        arguments
            .extend([RawArgument::I32(self.rows() as i32), RawArgument::I32(self.heads as i32)]);
        let kernel = format!("attention_{}_{}_h{columns}_t{longest}", pass.name(), T::NAME);
        device.launch(&kernel, grid, &arguments).expect(&kernel);
    }

    /// Bits and results.
    pub(super) fn forward<T: Value>(
        &self,
        device: &Emulator,
        input: &Input<T>,
    ) -> (Vec<u32>, Vec<T>) {
        let bits = device.poisoned::<u32>(self.rows() * self.heads * self.longest / 32);
        let out = device.poisoned::<T>(self.rows() * self.width());
        let keys = match self.threshold() {
            0 => RawArgument::Null,
            _ => device.buffer(&input.keys).into(),
        };
        let drop = [self.threshold().into(), self.scale().into()];
        let rest = [keys, drop[0], drop[1], bits.into(), out.into()];
        self.launch(device, input, AttentionPass::Forward, &rest);
        (device.read(&bits), device.read(&out))
    }

    /// Gradients and parts.
    pub(super) fn backward<T: Value>(
        &self,
        device: &Emulator,
        input: &Input<T>,
    ) -> (Vec<T>, Vec<f32>) {
        let dqkv = device.poisoned::<T>(self.rows() * 3 * self.width());
        let parts = device.poisoned::<f32>(self.batch() * 3 * self.width());
        let bits = match self.threshold() {
            0 => RawArgument::Null,
            _ => device.buffer(&self.bits(&input.keys)).into(),
        };
        let rest = [
            bits,
            self.threshold().into(),
            self.scale().into(),
            device.buffer(&input.y).into(),
            device.buffer(&input.dy).into(),
            dqkv.into(),
            parts.into(),
        ];
        self.launch(device, input, AttentionPass::Backward, &rest);
        (device.read(&dqkv), device.read(&parts))
    }

    /// What the backward should give.
    fn gradients<T: Value>(&self, input: &Input<T>) -> (Vec<f64>, Vec<f64>) {
        let width = self.width();
        let mut dqkv = vec![0.0; self.rows() * 3 * width];
        self.each_head(input, |rows, head, oracle| {
            let columns = self.columns_of(head);
            let dy: Vec<Vec<f64>> = rows
                .clone()
                .map(|row| {
                    columns.clone().map(|column| input.dy[row * width + column].value()).collect()
                })
                .collect();
            let gradients = oracle.backward(&dy);
            for (which, gradients) in [gradients.q, gradients.k, gradients.v].iter().enumerate() {
                let columns = columns.start + which * width..columns.end + which * width;
                write(&mut dqkv, &rows, &columns, 3 * width, gradients);
            }
        });
        let mut parts = vec![0.0; self.batch() * 3 * width];
        for (segment, rows) in self.segments().into_iter().enumerate() {
            for row in rows {
                for column in 0..3 * width {
                    parts[segment * 3 * width + column] += dqkv[row * 3 * width + column];
                }
            }
        }
        (dqkv, parts)
    }

    /// Bits where the segment has keys; the others may be anything.
    pub(super) fn real_bits(&self, bits: &[u32]) -> Vec<bool> {
        let words = self.longest / 32;
        let mut real = Vec::new();
        for rows in self.segments() {
            for row in rows.clone() {
                for head in 0..self.heads {
                    let word = &bits[(row * self.heads + head) * words..][..words];
                    real.extend((0..rows.len()).map(|key| word[key / 32] >> (key % 32) & 1 == 1));
                }
            }
        }
        real
    }

    pub(super) fn check_forward<T: Value>(&self) {
        let input = self.input::<T>();
        let (bits, out) = self.forward(&Emulator::new(self.seed), &input);
        assert_near(&format!("{self:?}"), &out, &self.results(&input), T::TOLERANCE[0]);
        self.check_padding(&out, self.width());
        if self.threshold() > 0 {
            let expected = self.real_bits(&self.bits(&input.keys));
            assert!(self.real_bits(&bits) == expected, "{self:?}: bits");
        }
    }

    pub(super) fn check_backward<T: Value>(&self) {
        let input = self.input::<T>();
        let (dqkv, parts) = self.backward(&Emulator::new(self.seed), &input);
        let (expected, sums) = self.gradients(&input);
        let width = self.width();
        for which in 0..3 {
            let of =
                |values: &[f64]| columns(values, 3 * width, which * width..(which + 1) * width);
            let what = format!("{self:?}, {}", ["dq", "dk", "dv"][which]);
            let found: Vec<f64> = dqkv.iter().map(|value| value.value()).collect();
            let (found, expected) = (of(&found), of(&expected));
            near(&what, &found, &expected, T::TOLERANCE[1], size(&expected));
            let found: Vec<f64> = parts.iter().copied().map(f64::from).collect();
            // Gradients of a segment's keys cancel, so the scale is that of what is summed.
            let scale = size(&expected) * (self.longest as f64).sqrt();
            near(&format!("{what}, parts"), &of(&found), &of(&sums), T::TOLERANCE[1], scale);
        }
        self.check_padding(&dqkv, 3 * width);
        let unused = self.lengths.len() * 3 * width;
        assert!(parts[unused..].iter().all(|part| part.to_bits() == 0), "{self:?}: spare parts");
    }

    fn check_padding<T: Value>(&self, values: &[T], width: usize) {
        let padding = &values[self.tokens() * width..];
        assert!(!padding.is_empty() && padding.iter().all(|value| value.value() == 0.0));
    }
}

fn size(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}

fn near(what: &str, found: &[f64], expected: &[f64], tolerance: f64, scale: f64) {
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * scale,
            "{what}: {found} at {place} should be {expected}, scale {scale}"
        );
    }
}

fn columns(values: &[f64], width: usize, columns: Range<usize>) -> Vec<f64> {
    values.chunks_exact(width).flat_map(|row| &row[columns.clone()]).copied().collect()
}

fn write(
    to: &mut [f64],
    rows: &Range<usize>,
    columns: &Range<usize>,
    width: usize,
    values: &[Vec<f64>],
) {
    for (row, values) in rows.clone().zip(values) {
        to[row * width..][columns.clone()].copy_from_slice(values);
    }
}
