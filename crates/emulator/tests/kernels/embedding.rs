//! The embedding of tokens and its backward.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use lockstep_emulator::in_every_order;
use lockstep_world::Seed;

use crate::oracle::{Norm, dot, factors, times};
use crate::values::{
    Case, Element, assert_close, assert_padding, cases, differences, read, spoil, sum_parts,
    values, wide,
};

const EPS: f32 = 1e-5;
const VOCABULARY: usize = 11;
const PLACES: usize = 7;

struct Inputs {
    case: Case,
    ids: Vec<i32>,
    positions: Vec<i32>,
    words: Vec<f32>,
    places: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl Inputs {
    fn new(case: Case) -> Self {
        let below = |bound: usize, row: usize| match row {
            row if row < case.real => Seed(bound as u64).below(row as u64, bound) as i32,
            _ => i32::MAX, // it may not be followed
        };
        let [words, places] =
            [(1, VOCABULARY), (2, PLACES)].map(|(seed, rows)| values(seed, rows * case.width));
        Self {
            case,
            ids: (0..case.rows).map(|row| below(VOCABULARY, row)).collect(),
            positions: (0..case.rows).map(|row| below(PLACES, row)).collect(),
            words,
            places,
            gamma: values(3, case.width),
            beta: values(4, case.width),
        }
    }

    fn norm(&self) -> Norm {
        Norm { gamma: wide(&self.gamma), beta: wide(&self.beta), eps: f64::from(EPS) }
    }

    /// The real rows of `words[id] + places[position]`, which f32 adds with one rounding.
    fn sum(&self) -> Vec<f32> {
        let width = self.case.width;
        let rows = self.ids.iter().zip(&self.positions).take(self.case.real);
        rows.flat_map(|(&id, &position)| {
            let word = &self.words[id as usize * width..][..width];
            let place = &self.places[position as usize * width..][..width];
            word.iter().zip(place).map(|(word, place)| word + place).collect::<Vec<_>>()
        })
        .collect()
    }

    /// `sum` and `out`.
    fn forward<T: Element>(&self) -> (Vec<f32>, Vec<f32>) {
        let case = self.case;
        let mut both = in_every_order(|device| {
            let step = device.buffer(&[case.step()]);
            let (ids, positions) = (device.buffer(&self.ids), device.buffer(&self.positions));
            let [words, places, gamma, beta] = [&self.words, &self.places, &self.gamma, &self.beta]
                .map(|values| device.buffer(values));
            let sum = device.poisoned::<f32>(case.count());
            let out = device.poisoned::<T>(case.count());
            let arguments = [
                step.into(),
                ids.into(),
                positions.into(),
                words.into(),
                places.into(),
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
            let kernel = format!("embedding_forward_{}", T::NAME);
            device.launch(&kernel, case.grid(0), &arguments).unwrap();
            [read(device, &sum), read(device, &out)].concat()
        });
        let out = both.split_off(case.count());
        (both, out)
    }

    /// `dsum` and the sums of parts (2, D).
    fn backward<T: Element>(&self, sum: &[f32], dy: &[T]) -> (Vec<f32>, Vec<f32>) {
        let case = self.case;
        let mut both = in_every_order(|device| {
            let step = device.buffer(&[case.step()]);
            let (dy, sum) = (device.buffer(dy), device.buffer(sum));
            let gamma = device.buffer(&self.gamma);
            let dsum = device.poisoned::<f32>(case.count());
            let parts = device.poisoned::<f32>(case.blocks as usize * 2 * case.width);
            let arguments = [
                step.into(),
                dy.into(),
                sum.into(),
                gamma.into(),
                case.keys_on(device),
                case.threshold().into(),
                case.scale().into(),
                EPS.into(),
                dsum.into(),
                parts.into(),
                (case.rows as i32).into(),
                (case.width as i32).into(),
            ];
            let kernel = format!("embedding_backward_{}", T::NAME);
            device.launch(&kernel, case.grid(4 * 2 * case.width * 4), &arguments).unwrap();
            let columns = sum_parts(device, parts, case.blocks as usize, 2 * case.width);
            [read(device, &dsum), columns].concat()
        });
        let columns = both.split_off(case.count());
        (both, columns)
    }
}

fn both_ways_are_right<T: Element>() {
    for case in cases() {
        let inputs = Inputs::new(case);
        let what = |name| format!("{name} of {case:?} in {}", T::NAME);
        let real = case.real * case.width;

        let (sum, out) = inputs.forward::<T>();
        assert_eq!(sum[..real], inputs.sum(), "{}", what("sum"));
        let expected = times(&inputs.norm().forward(&wide(&inputs.sum())), &factors(&case));
        assert_close::<T>(&what("out"), &out[..real], &expected);

        let (mut dy, mut sum_read) = (values::<T>(5, case.count()), sum.clone());
        spoil(&mut dy, case.real, case.width);
        spoil(&mut sum_read, case.real, case.width);
        let (dsum, columns) = inputs.backward(&sum_read, &dy);
        let gradients = times(&wide(&dy[..real]), &factors(&case));
        let expected = inputs.norm().backward(&wide(&sum[..real]), &gradients);
        assert_close::<f32>(&what("dsum"), &dsum[..real], &expected.dx);
        let expected = [expected.dgamma, expected.dbeta].concat();
        assert_close::<f32>(&what("columns"), &columns, &expected);
        for values in [&sum, &out, &dsum] {
            assert_padding(&what("padding"), values, case.real, case.width);
        }
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
    let case = Case { rows: 5, real: 3, width: 16, rate: 0.3, blocks: 2 };
    let inputs = Inputs::new(case);
    let (sum, dy) = (wide(&inputs.sum()), values::<f32>(5, case.count()));
    let gradients = wide(&dy[..sum.len()]);
    let loss =
        |sum: &[f64], norm: &Norm| dot(&times(&norm.forward(sum), &factors(&case)), &gradients);
    let by_sum = differences(&sum, |sum| loss(sum, &inputs.norm()));
    let by_gamma = differences(&wide(&inputs.gamma), |gamma| {
        loss(&sum, &Norm { gamma: gamma.to_vec(), ..inputs.norm() })
    });
    let by_beta = differences(&wide(&inputs.beta), |beta| {
        loss(&sum, &Norm { beta: beta.to_vec(), ..inputs.norm() })
    });
    let (dsum, columns) = inputs.backward(&inputs.forward::<f32>().0, &dy);
    assert_close::<f32>("dsum", &dsum[..sum.len()], &by_sum);
    assert_close::<f32>("columns", &columns, &[by_gamma, by_beta].concat());
}
