//! GELU and its backward.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use lockstep_emulator::{Grid, in_every_order};

use crate::oracle::{column_sums, gelu, gelu_derivative, times};
use crate::values::{
    Case, Element, assert_close, assert_padding, cases, differences, read, spoil, sum_parts,
    values, wide,
};

struct Inputs<T> {
    case: Case,
    u: Vec<T>,
    dg: Vec<T>,
    bias: Vec<f32>,
}

impl<T: Element> Inputs<T> {
    fn new(case: Case) -> Self {
        let rows = |seed, scale: f32| {
            let values = values::<f32>(seed, case.count());
            let mut values: Vec<T> = values.iter().map(|value| T::of(value * scale)).collect();
            spoil(&mut values, case.real, case.width);
            values
        };
        // Up to the tails, where the derivative is 0 or 1.
        Self { case, u: rows(1, 4.0), dg: rows(2, 1.0), bias: values(3, case.width) }
    }

    /// The real values of `u + bias`.
    fn biased(&self) -> Vec<f64> {
        let u = wide(&self.u[..self.case.real * self.case.width]);
        let bias = wide(&self.bias);
        u.iter().zip(bias.iter().cycle()).map(|(u, bias)| u + bias).collect()
    }

    fn forward(&self) -> Vec<f32> {
        let case = self.case;
        in_every_order(|device| {
            let real = device.buffer(&[case.real as i32]);
            let (u, bias) = (device.buffer(&self.u), device.buffer(&self.bias));
            let out = device.poisoned::<T>(case.count());
            let (rows, width) = (case.rows as i32, case.width as i32);
            let grid = Grid { blocks: [case.blocks, 1], threads: 256, shared: 0 };
            let arguments =
                [real.into(), u.into(), bias.into(), out.into(), rows.into(), width.into()];
            device.launch(&format!("gelu_forward_{}", T::NAME), grid, &arguments).unwrap();
            read(device, &out)
        })
    }

    /// `du` and the sums of its columns.
    fn backward(&self) -> (Vec<f32>, Vec<f32>) {
        let case = self.case;
        let mut both = in_every_order(|device| {
            let real = device.buffer(&[case.real as i32]);
            let (u, bias) = (device.buffer(&self.u), device.buffer(&self.bias));
            let dg = device.buffer(&self.dg);
            let parts = device.poisoned::<f32>(case.blocks as usize * case.width);
            let blocks = [(case.width as u32).div_ceil(256), case.blocks];
            let grid = Grid { blocks, threads: 128, shared: 4 * 256 * 4 };
            let arguments = [
                real.into(),
                u.into(),
                bias.into(),
                dg.into(),
                parts.into(),
                (case.rows as i32).into(),
                (case.width as i32).into(),
            ];
            device.launch(&format!("gelu_backward_{}", T::NAME), grid, &arguments).unwrap();
            let columns = sum_parts(device, parts, case.blocks as usize, case.width);
            [read(device, &dg), columns].concat()
        });
        let columns = both.split_off(case.count());
        (both, columns)
    }
}

/// The usual cases without dropout, and the width of the feed-forward layer.
fn gelu_cases() -> Vec<Case> {
    let mut cases: Vec<Case> = cases().into_iter().filter(|case| case.rate == 0.0).collect();
    cases.push(Case { rows: 6, real: 5, width: 3072, rate: 0.0, blocks: 2 });
    cases
}

fn both_ways_are_right<T: Element>() {
    for case in gelu_cases() {
        let inputs = Inputs::<T>::new(case);
        let what = |name| format!("{name} of {case:?} in {}", T::NAME);
        let real = case.real * case.width;
        let x = inputs.biased();

        let out = inputs.forward();
        let expected: Vec<f64> = x.iter().map(|&x| gelu(x)).collect();
        assert_close::<T>(&what("out"), &out[..real], &expected);
        assert_padding(&what("padding"), &out, case.real, case.width);

        let (du, columns) = inputs.backward();
        let derivatives: Vec<f64> = x.iter().map(|&x| gelu_derivative(x)).collect();
        let expected = times(&wide(&inputs.dg[..real]), &derivatives);
        assert_close::<T>(&what("du"), &du[..real], &expected);
        assert_close::<f32>(&what("columns"), &columns, &column_sums(&expected, case.width));
        assert_padding(&what("padding"), &du, case.real, case.width);
    }
}

#[test]
fn both_ways_are_right_in_f32() {
    both_ways_are_right::<f32>();
}

#[test]
fn both_ways_are_right_in_bf16() {
    both_ways_are_right::<u16>();
}

#[test]
fn backward_is_the_derivative_of_the_forward() {
    let case = Case { rows: 4, real: 3, width: 8, rate: 0.0, blocks: 1 };
    let inputs = Inputs::<f32>::new(case);
    let dg = wide(&inputs.dg[..case.real * case.width]);
    let loss = |x: &[f64]| x.iter().zip(&dg).map(|(&x, dg)| gelu(x) * dg).sum();
    let expected = differences(&inputs.biased(), loss);
    assert_close::<f32>("du", &inputs.backward().0[..expected.len()], &expected);
}

#[test]
fn far_from_zero_gelu_is_zero_or_its_argument() {
    let case = Case { rows: 1, real: 1, width: 8, rate: 0.0, blocks: 1 };
    let u = vec![-1e30, -100.0, -20.0, -0.0, 0.0, 20.0, 100.0, 1e30];
    let inputs = Inputs::<f32> { case, u, dg: vec![1.0; 8], bias: vec![0.0; 8] };
    assert_eq!(inputs.forward(), [0.0, 0.0, 0.0, 0.0, 0.0, 20.0, 100.0, 1e30]);
    assert_eq!(inputs.backward().0, [0.0, 0.0, 0.0, 0.5, 0.5, 1.0, 1.0, 1.0]);
}
