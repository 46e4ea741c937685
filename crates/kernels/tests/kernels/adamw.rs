//! AdamW against PyTorch's, on the values that `golden/adamw.py` wrote.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{DType, Device, Tensor, Var};
use lockstep_kernels::{AdamWUpdate, Gradient, RowGradient, adamw, adamw_part, adamw_table};

const GOLDEN: &str = include_str!("../../golden/adamw.tsv");

/// The values of each (case, type, step, what).
fn golden() -> BTreeMap<(&'static str, &'static str, u64, &'static str), Vec<f64>> {
    let line = |line: &'static str| {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap();
        let key = (next(), next(), next().parse().unwrap(), next());
        (key, fields.map(|value| value.parse().unwrap()).collect())
    };
    GOLDEN.lines().map(line).collect()
}

/// The options of the program's cases.
fn update(case: &str, step: u64) -> AdamWUpdate {
    let (rate, beta1, beta2, epsilon, weight_decay) = match case {
        "usual" => (5e-5, 0.9, 0.999, 1e-8, 0.01),
        "without decay" => (1e-3, 0.9, 0.999, 1e-8, 0.0),
        _ => (0.1, 0.8, 0.95, 1e-3, 0.3),
    };
    AdamWUpdate { beta1, beta2, epsilon, weight_decay, rate, step, gradient_scale: 1.0 }
}

/// Follows a case for its four steps; values may differ by `tolerance` of their scale.
fn check(case: &'static str, dtype: DType, tolerance: f64) {
    let golden = golden();
    let name = if dtype == DType::F32 { "float32" } else { "float64" };
    let values = |step, what| golden[&(case, name, step, what)].clone();
    let tensor = |values: Vec<f64>| {
        Tensor::from_vec(values, 6, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    };
    let weight = Var::from_tensor(&tensor(values(0, "weight"))).unwrap();
    let first = Var::zeros(6, dtype, &Device::Cpu).unwrap();
    let second = Var::zeros(6, dtype, &Device::Cpu).unwrap();
    for step in 1..=4 {
        // Half the gradient, doubled as it is read.
        let gradient = values(step, "gradient");
        let half = tensor(gradient.iter().map(|g| g / 2.0).collect());
        let update = AdamWUpdate { gradient_scale: 2.0, ..update(case, step) };
        adamw(&weight, &Gradient::Dense(half), &first, &second, &update).unwrap();
        for (what, var) in [("weight", &weight), ("first", &first), ("second", &second)] {
            let got = var.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
            for ((expected, got), g) in values(step, what).into_iter().zip(got).zip(&gradient) {
                // A first moment may be a small difference of large terms.
                let scale =
                    if what == "first" { g.abs().max(expected.abs()) } else { expected.abs() };
                let close = (expected - got).abs() <= tolerance * scale;
                assert!(close, "{case}, {name}, step {step}, {what}: {expected}, got {got}");
            }
        }
    }
}

#[test]
fn updates_are_those_of_pytorch() {
    for case in ["usual", "without decay", "large epsilon"] {
        check(case, DType::F32, 3e-7);
        check(case, DType::F64, 1e-14);
    }
}

/// More weights than a block holds, against the composed form in f64.
#[test]
fn blocks_are_updated_alike() {
    let len = 40_000;
    let noise = |stream| crate::operations::noise(len, stream);
    let tensor = |stream, dtype| {
        Tensor::from_vec(noise(stream), len, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    };
    let run = |dtype| {
        let var = |t: Tensor| Var::from_tensor(&t).unwrap();
        let (weight, first) = (var(tensor(0, dtype)), var(tensor(1, dtype)));
        let second = var(tensor(2, dtype).sqr().unwrap());
        let update = AdamWUpdate { gradient_scale: 0.3, ..update("usual", 5) };
        adamw(&weight, &Gradient::Dense(tensor(3, dtype)), &first, &second, &update).unwrap();
        let parts = [weight, first, second].map(|t| t.as_tensor().to_dtype(DType::F64).unwrap());
        Tensor::cat(&parts, 0).unwrap()
    };
    let difference = (run(DType::F32) - run(DType::F64)).unwrap().abs().unwrap();
    let difference = difference.max_all().unwrap().to_scalar::<f64>().unwrap();
    assert!(difference < 2e-7, "off by {difference}");
}

/// Parts that are updated one by one become what all of it at once becomes, to the bit.
#[test]
fn parts_are_updated_alike() {
    let len = 40_000;
    let noise = |stream| {
        let values = crate::operations::noise(len, stream);
        Tensor::from_vec(values, (200, 200), &Device::Cpu).unwrap().abs().unwrap()
    };
    let bits = |parts: &[Range<usize>]| {
        let all = [0, 1, 2].map(|stream| Var::from_tensor(&noise(stream)).unwrap());
        let [weight, first, second] = &all;
        for part in parts {
            let variables = [weight, first, second];
            adamw_part(variables, &noise(3), part.clone(), &update("usual", 3)).unwrap();
        }
        let values = all.map(|var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        values.map(|values| values.into_iter().map(f32::to_bits).collect::<Vec<_>>())
    };
    let whole = bits(std::slice::from_ref(&(0..len)));
    assert!(whole == bits(&[0..13_334, 13_334..26_667, 26_667..len]));
    let (half, untouched) = (bits(&[len / 2..len, 7..7]), bits(&[]));
    for ((half, whole), untouched) in half.iter().zip(&whole).zip(&untouched) {
        assert!(half[len / 2..] == whole[len / 2..] && half[..len / 2] == untouched[..len / 2]);
    }
}

/// A table whose gradient has some rows is updated to the bits of one whose other rows are zeros.
#[test]
fn rows_are_updated_like_zeros() {
    fn check(rows: &[u32], shape: (usize, usize)) {
        let noise = |stream| crate::operations::noise(shape.0 * shape.1, stream);
        let values = crate::operations::noise(rows.len() * shape.1, 7);
        let rows = Gradient::Rows(RowGradient::new(rows.to_vec(), values, shape).unwrap());
        let bits = |gradient: &Gradient| {
            let var = |stream| {
                let tensor = Tensor::from_vec(noise(stream), shape, &Device::Cpu).unwrap();
                Var::from_tensor(&tensor.abs().unwrap()).unwrap()
            };
            let all = [var(0), var(1), var(2)];
            adamw(&all[0], gradient, &all[1], &all[2], &update("usual", 3)).unwrap();
            let values = all.map(|var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap());
            values.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let dense = Gradient::Dense(rows.dense().unwrap().into_owned());
        assert!(bits(&rows) == bits(&dense), "{rows:?}");
    }
    check(&[], (5, 3));
    check(&[0, 2, 3, 6], (7, 1));
    check(&[0, 62, 63, 64, 500, 999], (1000, 260));
    check(&[1], (3, 20_000));
}

/// Rows that were not seen yet are left out to the bits of a table whose other rows are zeros: over
/// some updates, and where what was seen is forgotten in between.
#[test]
fn unseen_rows_are_updated_like_zeros() {
    let (shape, width) = ((200, 260), 260);
    let batches: [&[u32]; 5] = [&[], &[3, 4, 63, 199], &[3, 100], &[0, 4, 64], &[]];
    let bits = |update_with: &mut dyn FnMut([&Var; 3], &Gradient, &AdamWUpdate)| {
        let start = Tensor::from_vec(crate::operations::noise(200 * 260, 0), shape, &Device::Cpu);
        let zeros = || Var::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let all = [Var::from_tensor(&start.unwrap()).unwrap(), zeros(), zeros()];
        for (rows, step) in batches.iter().zip(1..) {
            let values = crate::operations::noise(rows.len() * width, step);
            let gradient = RowGradient::new(rows.to_vec(), values, shape).unwrap();
            let [weight, first, second] = &all;
            let update = update("usual", step);
            update_with([weight, first, second], &Gradient::Rows(gradient), &update);
        }
        let values = all.map(|var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        values.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let expected = bits(&mut |[weight, first, second], gradient, update| {
        let dense = Gradient::Dense(gradient.dense().unwrap().into_owned());
        adamw(weight, &dense, first, second, update).unwrap();
    });
    let mut seen = None;
    let remembered = bits(&mut |all, gradient, update| {
        adamw_table(all, gradient, &mut seen, update).unwrap();
    });
    let forgotten = bits(&mut |all, gradient, update| {
        adamw_table(all, gradient, &mut None, update).unwrap();
    });
    assert!(expected == remembered && expected == forgotten);
}
