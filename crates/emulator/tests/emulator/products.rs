//! Products against plain loops.

use lockstep_emulator::{bf16_bits, bf16_value};
use lockstep_program::{Arithmetic, Element, Factor, Lane, Matrix, Product, Work};
use proptest::prelude::*;

use crate::desk::{Desk, floats, op};

/// Numbers of few bits, so that sums of some hundred products are exact in f32.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + seed * 11) % 17) as f32 / 4.0 - 2.0).collect()
}

/// A case of a product: shapes, transpositions, what lies between rows, addend, types.
#[derive(Clone, Copy, Debug)]
struct Case {
    dims: [usize; 3],
    transposed: [bool; 2],
    gap: usize,
    addend: Option<bool>, // whether it is the output itself
    arithmetic: Arithmetic,
    out: Element,
}

fn cases() -> impl Strategy<Value = Case> {
    let types = prop_oneof![
        Just((Arithmetic::F32, Element::F32)),
        Just((Arithmetic::Tf32, Element::F32)),
        Just((Arithmetic::Bf16, Element::F32)),
        Just((Arithmetic::Bf16, Element::Bf16)),
    ];
    let dims = prop::array::uniform3(1..20_usize);
    (dims, any::<[bool; 2]>(), 0..3_usize, any::<Option<bool>>(), types).prop_map(
        |(dims, transposed, gap, addend, (arithmetic, out))| Case {
            dims,
            transposed,
            gap,
            addend,
            arithmetic,
            out,
        },
    )
}

/// A matrix in a buffer of its own, with values in the gaps as well.
fn matrix(desk: &mut Desk, name: &str, dims: [usize; 2], gap: usize, element: Element) -> Matrix {
    let [rows, columns] = dims;
    let stride = columns + gap;
    let span = desk.add(name, rows * stride * element.bytes());
    let values = numbers(rows * stride, name.len());
    let bytes: Vec<u8> = match element {
        Element::F32 => bytemuck::cast_slice(&values).to_vec(),
        Element::Bf16 => values.iter().flat_map(|x| bf16_bits(*x).to_ne_bytes()).collect(),
    };
    desk.write(span, &bytes);
    Matrix { span, element, rows, columns, stride }
}

fn values(desk: &mut Desk, matrix: &Matrix) -> Vec<f64> {
    let bytes = desk.read(matrix.span);
    match matrix.element {
        Element::F32 => floats(&bytes).iter().map(|x| f64::from(*x)).collect(),
        Element::Bf16 => bytemuck::pod_collect_to_vec::<u8, u16>(&bytes)
            .iter()
            .map(|bits| f64::from(bf16_value(*bits)))
            .collect(),
    }
}

fn product(desk: &mut Desk, case: &Case) -> Product {
    let [m, k, n] = case.dims;
    let factor = if case.arithmetic == Arithmetic::Bf16 { Element::Bf16 } else { Element::F32 };
    let mut side = |name: &str, [rows, columns]: [usize; 2], transposed: bool| {
        if transposed {
            Factor::Transposed(matrix(desk, name, [columns, rows], case.gap, factor))
        } else {
            Factor::Plain(matrix(desk, name, [rows, columns], case.gap, factor))
        }
    };
    let left = side("left", [m, k], case.transposed[0]);
    let right = side("right", [k, n], case.transposed[1]);
    let out = matrix(desk, "out", [m, n], case.gap, case.out);
    let addend = case.addend.map(|itself| {
        if itself { out } else { matrix(desk, "addend", [m, n], case.gap, case.out) }
    });
    Product { left, right, addend, out, arithmetic: case.arithmetic }
}

/// Values of the output buffer as they must be, gaps untouched.
#[expect(clippy::cast_possible_truncation, reason = "the sums are exact in f32")]
fn expected(desk: &mut Desk, product: &Product) -> Vec<f64> {
    let ([m, k], [_, n]) = (product.left.dims(), product.right.dims());
    let mut at = |factor: &Factor| {
        let (all, stride) = (values(desk, factor.matrix()), factor.matrix().stride);
        let transposed = matches!(factor, Factor::Transposed(_));
        move |i: usize, j: usize| all[if transposed { j * stride + i } else { i * stride + j }]
    };
    let (left, right) = (at(&product.left), at(&product.right));
    let mut out = values(desk, &product.out);
    let addend = product.addend.map(|addend| values(desk, &addend));
    for i in 0..m {
        for j in 0..n {
            let place = i * product.out.stride + j;
            let sum: f64 = (0..k).map(|l| left(i, l) * right(l, j)).sum();
            let sum = sum + addend.as_ref().map_or(0.0, |addend| addend[place]);
            out[place] = match product.out.element {
                Element::F32 => sum,
                Element::Bf16 => f64::from(bf16_value(bf16_bits(sum as f32))),
            };
        }
    }
    out
}

proptest! {
    #[test]
    fn products_equal_plain_loops(case in cases()) {
        let mut desk = Desk::new(1);
        let product = product(&mut desk, &case);
        let expected = expected(&mut desk, &product);
        desk.run(vec![op("product", Lane::Main, Work::Product(product))], 0).unwrap();
        prop_assert_eq!(values(&mut desk, &product.out), expected);
    }
}

#[test]
fn factors_are_rounded_to_tf32() {
    let mut desk = Desk::new(0);
    let dims = [1, 1, 1];
    let arithmetic = Arithmetic::Tf32;
    let case =
        Case { dims, transposed: [false; 2], gap: 0, addend: None, arithmetic, out: Element::F32 };
    let product = product(&mut desk, &case);
    let half_step = f32::EPSILON * 4096.0; // of TF32's 10 bits at 1
    for (value, rounded) in [
        (1.0 + half_step, 1.0 + 2.0 * half_step),
        (1.0 + 0.99 * half_step, 1.0),
        (-1.0 - half_step, -1.0 - 2.0 * half_step),
        (f32::INFINITY, f32::INFINITY),
    ] {
        desk.write(product.left.matrix().span, &value.to_ne_bytes());
        desk.write(product.right.matrix().span, &1.0_f32.to_ne_bytes());
        desk.run(vec![op("product", Lane::Main, Work::Product(product))], 0).unwrap();
        assert_eq!(floats(&desk.read(product.out.span)), [rounded]);
    }
}

#[test]
fn products_that_do_not_fit_are_refused() {
    let check = |change: fn(&mut Product), expected: &str| {
        let mut desk = Desk::new(0);
        let dims = [2, 3, 4];
        let (arithmetic, out) = (Arithmetic::F32, Element::F32);
        let case = Case { dims, transposed: [false; 2], gap: 1, addend: None, arithmetic, out };
        let mut product = product(&mut desk, &case);
        change(&mut product);
        let error = desk.run(vec![op("p", Lane::Main, Work::Product(product))], 0).unwrap_err();
        assert!(error.starts_with(&format!("p does not fit: {expected}")), "{error}");
    };
    check(|p| p.out.rows = 1, "(2, 3) x (3, 4) into [1, 4]");
    check(|p| p.out.span.bytes = 32, "a matrix leaves its span");
    check(|p| p.out.span.bytes = 1000, "bytes 0..1000 of `out`, which has 40");
    check(|p| p.arithmetic = Arithmetic::Bf16, "the types of its matrices do not suit Bf16");
    check(|p| p.left = Factor::Plain(p.out), "(2, 4) x (3, 4) into [2, 4]");
    check(
        |p| p.addend = Some(Matrix { stride: 4, ..p.out }),
        "the addend is not of the output's shape, type and stride",
    );
    let square = |p: &mut Product| {
        (p.out.columns, p.out.stride, p.out.rows) = (3, 3, 2);
        p.right = Factor::Plain(Matrix { rows: 3, columns: 3, stride: 3, ..p.out });
    };
    check(square, "the output overlaps a factor, or a part of the addend");
}
