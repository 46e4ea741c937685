//! Fused kernels in f32 against candle's own operations in f64: results and all gradients.

use candle_core::{DType, Device, Tensor, Var};
use lockstep_kernels::{Rows, Weight};

use crate::operations::{Operation, gradients, noise};

/// What f32 may lose, relative to the largest value of a tensor.
const TOLERANCE: f64 = 2e-6;

/// What f64 may lose between two orders of the same operations.
const EXACT: f64 = 1e-14;

/// What rounds a value to f32 changes of it at most, relative to the value.
const ROUNDING: f64 = 6e-8;

/// How much more than the rounding of its inputs the roundings inside of a block may change. Of
/// 1,500 blocks drawn at random, five went beyond the fixed part of the bound, by 23 at most.
const INSIDE: f64 = 40.0;

/// Compares both forms of an operation on the same values.
pub(crate) fn check(operation: &Operation) {
    check_within(TOLERANCE, &[], operation);
}

/// Compares both forms of a block, which is a chain of ten operations. How much of a rounding is
/// left at its end depends on the values: a norm divides by the spread of a row, which may be small.
/// So the bound follows what roundings of the inputs do to the exact results.
pub(crate) fn check_block(operation: &Operation) {
    check_within(10.0 * TOLERANCE, &conditions(operation), operation);
}

/// The largest changes of the result and of each gradient when the inputs are rounded, in f64.
fn conditions(operation: &Operation) -> Vec<f64> {
    const DRAWS: u64 = 4;
    let exact = |inputs: &[Tensor]| {
        let (y, all) = gradients(&operation.plain, inputs, DType::F64).unwrap();
        std::iter::once(Some(y)).chain(all).collect::<Vec<_>>()
    };
    let inputs = operation.values();
    let expected = exact(&inputs);
    let mut largest_changes = vec![0.0; expected.len()];
    for draw in 0..DRAWS {
        let rounded: Vec<Tensor> = (1000 * (draw + 1)..)
            .zip(&inputs)
            .map(|(stream, input)| {
                let noise = noise(input.elem_count(), stream);
                let noise = Tensor::from_vec(noise, input.shape(), &Device::Cpu).unwrap();
                let change = (noise.to_dtype(DType::F64).unwrap() * ROUNDING).unwrap() + 1.0;
                (input.to_dtype(DType::F64).unwrap() * change.unwrap()).unwrap()
            })
            .collect();
        for (change, (a, b)) in largest_changes.iter_mut().zip(expected.iter().zip(exact(&rounded)))
        {
            let difference = a.as_ref().zip(b).map(|(a, b)| (a - b).unwrap());
            *change = f64::max(*change, largest(difference.as_ref()));
        }
    }
    largest_changes
}

fn check_within(tolerance: f64, conditions: &[f64], operation: &Operation) {
    let condition = |place: usize| INSIDE * conditions.get(place).copied().unwrap_or_default();
    let Operation { name, fused, plain, .. } = operation;
    let inputs = operation.values();
    let (y, found) = gradients(fused, &inputs, DType::F32).unwrap();
    let (expected, expected_gradients) = gradients(plain, &inputs, DType::F64).unwrap();
    close([tolerance, condition(0)], &format!("{name}: the result"), &expected, &y);
    for (i, pair) in expected_gradients.iter().zip(&found).enumerate() {
        match pair {
            (Some(expected), Some(got)) => {
                let bound = [tolerance, condition(i + 1)];
                close(bound, &format!("{name}: gradient {i}"), expected, got);
            }
            // Candle loses track where there is nothing to compute.
            (None, got) => assert!(largest(got.as_ref()) == 0.0, "{name}: gradient {i}"),
            (Some(_), None) => panic!("{name}: gradient {i} is missing"),
        }
    }
}

/// Whether two tensors are as near as `tolerance` times the largest value and `further` allow.
fn close([tolerance, further]: [f64; 2], what: &str, expected: &Tensor, got: &Tensor) {
    assert_eq!(expected.dims(), got.dims(), "{what}");
    let got = got.to_dtype(DType::F64).unwrap();
    let difference = largest(Some(&(expected - got).unwrap()));
    let allowed = tolerance * largest(Some(expected)).max(1.0) + further;
    assert!(difference <= allowed, "{what}: off by {difference:e}, allowed is {allowed:e}");
}

/// The largest absolute value; NaN if there is one.
fn largest(tensor: Option<&Tensor>) -> f64 {
    let values = tensor.map(|t| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>());
    let values = values.transpose().unwrap().unwrap_or_default();
    values.iter().fold(0.0, |top, x| if x.abs() > top || x.is_nan() { x.abs() } else { top })
}

#[test]
fn embeddings() {
    for (n, d) in [(0, 5), (1, 1), (7, 33), (400, 64)] {
        check(&Operation::embedding(n, d));
    }
}

#[test]
fn linear_layers() {
    let shapes = [(0, 3, 2), (1, 1, 1), (7, 33, 5), (1, 70, 300), (300, 70, 1), (130, 300, 257)];
    // Rows 2 KiB apart, whose weight is read from a transposed copy where there are enough of them.
    let unlucky = [(7, 512, 20), (8, 512, 20), (90, 1024, 33)];
    for (n, i, o) in shapes.into_iter().chain(unlucky) {
        check(&Operation::linear(n, i, o));
    }
}

#[test]
fn layer_norms() {
    let shapes = [(0, 4), (1, 1), (3, 7), (5, 33), (700, 96), (50, 768)];
    for (n, d) in shapes {
        check(&Operation::layer_norm(n, d));
    }
}

#[test]
fn gelus() {
    for (n, d) in [(0, 4), (1, 1), (3, 7), (200, 333)] {
        check(&Operation::gelu(n, d));
    }
}

#[test]
fn dropouts() {
    let cases = [(0, 4, 0.1), (1, 1, 0.5), (7, 33, 0.0), (90, 333, 0.1), (3, 20_000, 0.9)];
    for (n, d, rate) in cases {
        check(&Operation::dropout(n, d, rate));
    }
}

#[test]
fn attention_over_lengths() {
    let lengths: [&[(usize, usize)]; 9] = [
        &[],
        &[(0, 0)],
        &[(1, 1)],
        &[(0, 3), (2, 2)],
        &[(1, 15), (1, 16), (1, 17), (1, 130)],
        &[(5, 5), (0, 0), (33, 33), (1, 40)],
        &[(64, 64), (65, 65), (63, 63)],
        &[(200, 70), (3, 129)],
        &[(512, 512)],
    ];
    for lengths in lengths {
        for rate in [None, Some(0.3)] {
            check(&Operation::attention(lengths, 2, 16, rate));
        }
    }
}

/// The way of GPUs, which brings segments to one length, beside the plain one: both in f64.
#[test]
fn padded_attention() {
    let lengths: [&[(usize, usize)]; 6] = [
        &[],
        &[(0, 0)],
        &[(1, 1)],
        &[(0, 3), (2, 2)],
        &[(5, 5), (0, 0), (33, 33), (1, 40)],
        &[(1, 15), (1, 16), (1, 130)],
    ];
    for lengths in lengths {
        for rate in [None, Some(0.3)] {
            let operation = Operation::attention(lengths, 3, 5, rate);
            let gradients = |form| gradients(form, &operation.values(), DType::F64).unwrap();
            let (y, padded) = gradients(&operation.fused);
            let (expected, plain) = gradients(&operation.plain);
            close([EXACT, 0.0], &operation.name, &expected, &y);
            for (plain, padded) in plain.iter().zip(&padded) {
                let Some(plain) = plain else { continue };
                close([EXACT, 0.0], &operation.name, plain, padded.as_ref().unwrap());
            }
        }
    }
}

#[test]
fn attention_over_heads() {
    for (heads, columns) in [(1, 1), (1, 33), (2, 7), (3, 64), (12, 64), (12, 1)] {
        check(&Operation::attention(&[(4, 4), (1, 21)], heads, columns, Some(0.1)));
    }
}

#[test]
fn blocks() {
    let lengths: [&[usize]; 5] = [&[1], &[1, 1, 1], &[5, 2, 9], &[130, 40], &[512]];
    for lengths in lengths {
        for rows in [Rows::All, Rows::First] {
            for rate in [None, Some(0.2)] {
                check_block(&Operation::block(lengths, (2, 16, 96), rows, rate));
            }
        }
    }
    for (heads, columns, wide) in [(1, 2, 3), (3, 7, 5), (12, 8, 400)] {
        check_block(&Operation::block(&[4, 21], (heads, columns, wide), Rows::All, Some(0.1)));
    }
    check_block(&Operation::block(&[], (2, 3, 4), Rows::All, None));
}

#[test]
fn first_rows() {
    let cases: [(&[usize], usize); 4] = [(&[], 3), (&[1], 1), (&[1, 1, 1], 7), (&[40, 2, 9], 33)];
    for (lengths, width) in cases {
        check(&Operation::first_rows(lengths, width));
    }
}

#[test]
fn cross_entropies() {
    for (n, k) in [(0, 2), (1, 1), (5, 2), (33, 77)] {
        check(&Operation::cross_entropy(n, k));
        check(&Operation::weighted_cross_entropy(n, k));
    }
}

/// Inputs that are transposed, or begin in the middle of their memory, are read as what they are.
#[test]
fn layouts() {
    fn check(name: &str, view: impl Fn(&Tensor) -> Tensor, operation: &Operation) {
        let tidy = operation.values();
        let views: Vec<_> = tidy.iter().map(view).collect();
        let run = |inputs: Vec<Tensor>| {
            (operation.fused)(&inputs.into_iter().map(Weight::new).collect::<Vec<_>>()).unwrap()
        };
        let (tidy, viewed) = (run(tidy), run(views));
        let bits = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(bits(&tidy), bits(&viewed), "{name}: {}", operation.name);
    }
    let turned = |t: &Tensor| match t.rank() {
        1 => t.clone(),
        _ => t.t().unwrap().contiguous().unwrap().t().unwrap(),
    };
    let inside = |t: &Tensor| {
        let padding = Tensor::from_vec(noise(3, 50), 3, &Device::Cpu).unwrap();
        let flat = Tensor::cat(&[&padding, &t.flatten_all().unwrap(), &padding], 0).unwrap();
        flat.narrow(0, 3, t.elem_count()).unwrap().reshape(t.shape()).unwrap()
    };
    let operations = [
        Operation::embedding(20, 6),
        Operation::linear(7, 5, 3),
        Operation::layer_norm(4, 9),
        Operation::gelu(3, 5),
        Operation::dropout(6, 5, 0.4),
        Operation::attention(&[(3, 4), (2, 2)], 2, 3, Some(0.2)),
        Operation::first_rows(&[2, 3], 4),
        Operation::cross_entropy(4, 3),
    ];
    for operation in operations {
        check("turned", turned, &operation);
        check("inside", inside, &operation);
    }
}

/// A tensor without gradient costs none, and the others keep theirs.
#[test]
fn frozen_arguments() {
    let operation = Operation::linear(5, 4, 3);
    let tensors = operation.values();
    for trained in 0..3 {
        let mut inputs = tensors.clone();
        let var = Var::from_tensor(&tensors[trained]).unwrap();
        inputs[trained] = var.as_tensor().clone();
        let weights: Vec<_> = inputs.iter().cloned().map(Weight::new).collect();
        let gradients = (operation.fused)(&weights).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(gradients.get(&var).is_some(), "gradient {trained}");
        assert!((0..3).all(|i| i == trained || gradients.get(&inputs[i]).is_none()));
    }
}
