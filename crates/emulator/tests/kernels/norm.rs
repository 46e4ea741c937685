//! The residual, dropout and layer norm, and their backward.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use lockstep_emulator::{RawArgument, in_every_order};

use crate::oracle::{Norm, column_sums, dot, factors, times};
use crate::values::{
    Case, Element, assert_close, assert_padding, cases, differences, read, spoil, sum_parts,
    values, wide,
};

const EPS: f32 = 1e-5;

struct Inputs<T> {
    case: Case,
    y: Vec<T>,
    residual: Vec<T>,
    /// Of the norm's result.
    dy: Vec<T>,
    bias: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl<T: Element> Inputs<T> {
    fn new(case: Case) -> Self {
        let rows = |seed| {
            let mut values = values(seed, case.count());
            spoil(&mut values, case.real, case.width);
            values
        };
        let (y, residual, dy) = (rows(1), rows(2), rows(3));
        let [bias, gamma, beta] = [4, 5, 6].map(|seed| values(seed, case.width));
        Self { case, y, residual, dy, bias, gamma, beta }
    }

    fn norm(&self) -> Norm {
        Norm { gamma: wide(&self.gamma), beta: wide(&self.beta), eps: f64::from(EPS) }
    }

    /// The real rows.
    fn real(&self, values: &[T]) -> Vec<f64> {
        wide(&values[..self.case.real * self.case.width])
    }

    /// `dropout(y + bias) + residual`
    fn sum(&self, y: &[f64], bias: &[f64]) -> Vec<f64> {
        let biased: Vec<f64> = y.iter().zip(bias.iter().cycle()).map(|(y, b)| y + b).collect();
        let dropped = times(&biased, &factors(&self.case));
        dropped.iter().zip(self.real(&self.residual)).map(|(y, residual)| y + residual).collect()
    }

    /// `sum` and `out`.
    fn forward(&self) -> (Vec<f32>, Vec<f32>) {
        let case = self.case;
        let mut both = in_every_order(|device| {
            let real = device.buffer(&[case.real as i32]);
            let (y, residual) = (device.buffer(&self.y), device.buffer(&self.residual));
            let [bias, gamma, beta] =
                [&self.bias, &self.gamma, &self.beta].map(|values| device.buffer(values));
            let (sum, out) =
                (device.poisoned::<T>(case.count()), device.poisoned::<T>(case.count()));
            let arguments = [
                real.into(),
                y.into(),
                residual.into(),
                bias.into(),
                gamma.into(),
                beta.into(),
                case.keys_on(device),
                case.threshold().into(),
                case.scale().into(),
                EPS.into(),
                sum.into(),
                out.into(),
                (case.rows as i32).into(),
                (case.width as i32).into(),
            ];
            let kernel = format!("residual_norm_{}", T::NAME);
            device.launch(&kernel, case.grid(0), &arguments).unwrap();
            [read(device, &sum), read(device, &out)].concat()
        });
        let out = both.split_off(case.count());
        (both, out)
    }

    /// `dsum`, `ddrop` and the sums of parts (3, D).
    fn backward(&self, sum: &[T], wants_ddrop: bool) -> Gradients {
        let case = self.case;
        let mut all = in_every_order(|device| {
            let real = device.buffer(&[case.real as i32]);
            let (dy, sum) = (device.buffer(&self.dy), device.buffer(sum));
            let gamma = device.buffer(&self.gamma);
            let (dsum, ddrop) =
                (device.poisoned::<T>(case.count()), device.poisoned::<T>(case.count()));
            let parts = device.poisoned::<f32>(case.blocks as usize * 3 * case.width);
            let arguments = [
                real.into(),
                dy.into(),
                sum.into(),
                gamma.into(),
                case.keys_on(device),
                case.threshold().into(),
                case.scale().into(),
                EPS.into(),
                dsum.into(),
                if wants_ddrop { ddrop.into() } else { RawArgument::Null },
                parts.into(),
                (case.rows as i32).into(),
                (case.width as i32).into(),
            ];
            let kernel = format!("norm_backward_{}", T::NAME);
            device.launch(&kernel, case.grid(4 * 3 * case.width * 4), &arguments).unwrap();
            let columns = sum_parts(device, parts, case.blocks as usize, 3 * case.width);
            let ddrop = if wants_ddrop { read(device, &ddrop) } else { vec![0.0; case.count()] };
            [read(device, &dsum), ddrop, columns].concat()
        });
        let columns = all.split_off(2 * case.count());
        let ddrop = all.split_off(case.count());
        Gradients { dsum: all, ddrop, columns }
    }
}

struct Gradients {
    dsum: Vec<f32>,
    ddrop: Vec<f32>,
    /// dbias, dgamma, dbeta
    columns: Vec<f32>,
}

fn forward_is_right<T: Element>() {
    for case in cases() {
        let inputs = Inputs::<T>::new(case);
        let (sum, out) = inputs.forward();
        let what = |name| format!("{name} of {case:?} in {}", T::NAME);
        let real = case.real * case.width;
        let expected = inputs.sum(&inputs.real(&inputs.y), &wide(&inputs.bias));
        assert_close::<T>(&what("sum"), &sum[..real], &expected);
        // What is normalised is the rounded sum, which the backward reads as well.
        let expected = inputs.norm().forward(&wide(&sum[..real]));
        assert_close::<T>(&what("out"), &out[..real], &expected);
        for values in [&sum, &out] {
            assert_padding(&what("padding"), values, case.real, case.width);
        }
    }
}

#[test]
fn forward_is_right_in_f32() {
    forward_is_right::<f32>();
}

#[test]
fn forward_is_right_in_bf16() {
    forward_is_right::<u16>();
}

fn backward_is_right<T: Element>() {
    for case in cases() {
        let inputs = Inputs::<T>::new(case);
        let mut sum = values::<T>(9, case.count());
        spoil(&mut sum, case.real, case.width);
        let got = inputs.backward(&sum, true);
        let what = |name| format!("{name} of {case:?} in {}", T::NAME);
        let expected = inputs.norm().backward(&inputs.real(&sum), &inputs.real(&inputs.dy));
        let ddrop = times(&expected.dx, &factors(&case));
        let columns = [column_sums(&ddrop, case.width), expected.dgamma, expected.dbeta].concat();
        let real = case.real * case.width;
        assert_close::<T>(&what("dsum"), &got.dsum[..real], &expected.dx);
        assert_close::<T>(&what("ddrop"), &got.ddrop[..real], &ddrop);
        assert_close::<f32>(&what("columns"), &got.columns, &columns);
        for values in [&got.dsum, &got.ddrop] {
            assert_padding(&what("padding"), values, case.real, case.width);
        }
    }
}

#[test]
fn backward_is_right_in_f32() {
    backward_is_right::<f32>();
}

#[test]
fn backward_is_right_in_bf16() {
    backward_is_right::<u16>();
}

#[test]
fn ddrop_is_dsum_without_dropout_and_may_be_null() {
    for width in [96, 1024] {
        let case = Case { rows: 12, real: 9, width, rate: 0.0, blocks: 2 };
        let (inputs, sum) = (Inputs::<u16>::new(case), values::<u16>(9, case.count()));
        let (with, without) = (inputs.backward(&sum, true), inputs.backward(&sum, false));
        assert_eq!(with.ddrop, with.dsum);
        assert_eq!(without.dsum, with.dsum);
        assert_eq!(without.columns, with.columns);
    }
}

#[test]
fn backward_is_the_derivative_of_the_forward() {
    let case = Case { rows: 5, real: 3, width: 16, rate: 0.3, blocks: 2 };
    let inputs = Inputs::<f32>::new(case);
    let (y, bias, dy) = (inputs.real(&inputs.y), wide(&inputs.bias), inputs.real(&inputs.dy));
    let loss = |y: &[f64], bias: &[f64], norm: &Norm| dot(&norm.forward(&inputs.sum(y, bias)), &dy);
    let by_sum = differences(&inputs.sum(&y, &bias), |sum| dot(&inputs.norm().forward(sum), &dy));
    let by_y = differences(&y, |y| loss(y, &bias, &inputs.norm()));
    let by_bias = differences(&bias, |bias| loss(&y, bias, &inputs.norm()));
    let by_gamma = differences(&wide(&inputs.gamma), |gamma| {
        loss(&y, &bias, &Norm { gamma: gamma.to_vec(), ..inputs.norm() })
    });
    let by_beta = differences(&wide(&inputs.beta), |beta| {
        loss(&y, &bias, &Norm { beta: beta.to_vec(), ..inputs.norm() })
    });
    let got = inputs.backward(&inputs.forward().0, true);
    let real = case.real * case.width;
    assert_close::<f32>("dsum", &got.dsum[..real], &by_sum);
    assert_close::<f32>("ddrop", &got.ddrop[..real], &by_y);
    assert_close::<f32>("columns", &got.columns, &[by_bias, by_gamma, by_beta].concat());
}
