//! Against the product in f64 of the rounded factors, in all shapes and orientations.

use lockstep_testkit::skip;

use crate::Precision;
use crate::cpu::matrix::{Matrix, Tile};
use crate::cpu::operands::{Product, Workers};
use crate::cpu::precision::Bf16;

/// Values in [-1, 1) without a pattern.
fn noise(len: usize) -> Vec<f32> {
    let bits = (0..).take(len).map(|i: u32| i.wrapping_mul(0x9E37_79B9).rotate_left(13));
    let bits = bits.map(|bits| bits.wrapping_mul(0x85EB_CA6B) >> 8);
    bits.map(|bits| bits as f32 / 8_388_608.0 - 1.0).collect()
}

/// To bf16, to the nearest and ties to even, by the bits.
fn rounded(value: f32) -> f64 {
    let bits = value.to_bits();
    f64::from(f32::from_bits((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF_0000))
}

/// Whether the inner dimension runs along memory.
#[derive(Clone, Copy, Debug)]
enum Inner {
    Along,
    Across,
}

/// Memory for a factor; of an empty one, too, which is then a part of it.
fn memory(lanes: usize, depth: usize) -> Vec<f32> {
    noise(lanes.max(1) * depth.max(1))
}

/// `lanes` rows of `depth` values, which lie in memory one way or the other.
fn factor(values: &[f32], lanes: usize, depth: usize, inner: Inner) -> Matrix<'_> {
    let whole = match inner {
        Inner::Along => Matrix::new(values, depth.max(1)),
        Inner::Across => Matrix::new(values, lanes.max(1)).transposed(),
    };
    whole.part(&(0..lanes), &(0..depth))
}

#[derive(Clone, Copy, Debug)]
struct Case {
    rows: usize,
    depth: usize,
    columns: usize,
    inner: (Inner, Inner),
}

/// The products of a linear layer: y = x Wᵀ, dx = dy W and dW = dyᵀ x.
const LAYER: [(Inner, Inner); 3] =
    [(Inner::Along, Inner::Along), (Inner::Along, Inner::Across), (Inner::Across, Inner::Across)];

fn cases(shapes: &[(usize, usize, usize)]) -> Vec<Case> {
    let case = |&(rows, depth, columns), inner| Case { rows, depth, columns, inner };
    shapes.iter().flat_map(|shape| LAYER.map(|inner| case(shape, inner))).collect()
}

/// Runs `work` on a case's product and a target of halves, within a wider matrix.
fn computed(case: Case, work: impl Fn(Product, &mut Tile), workers: Workers) -> Vec<f32> {
    let Case { rows, depth, columns, inner } = case;
    let (left, right) = (memory(rows, depth), memory(columns, depth));
    let left = factor(&left, rows, depth, inner.0);
    let right = factor(&right, columns, depth, inner.1).transposed();
    let precision = Bf16::detect().map_or(Precision::F32, Precision::Bf16);
    let width = columns + 5;
    let mut target = vec![0.5; rows * width];
    let mut whole = Tile::new(&mut target, width);
    work(
        Product { left, right, scale: 2.0, workers, precision },
        &mut whole.part(&(0..rows), &(2..2 + columns)),
    );
    target
}

/// The sums that the elements should have, and how large the terms of each are together.
fn sums(case: Case) -> Vec<(f64, f64)> {
    let Case { rows, depth, columns, inner } = case;
    let (left, right) = (memory(rows, depth), memory(columns, depth));
    let at = |inner, lane: usize, k: usize, lanes: usize| match inner {
        Inner::Along => lane * depth + k,
        Inner::Across => k * lanes + lane,
    };
    let sum = |row, column| {
        (0..depth).fold((0.0, 0.0), |(sum, size), k| {
            let (x, y) = (left[at(inner.0, row, k, rows)], right[at(inner.1, column, k, columns)]);
            let term = rounded(x) * rounded(y);
            (sum + term, size + term.abs())
        })
    };
    (0..rows * columns).map(|i| sum(i / columns, i % columns)).collect()
}

fn is_here() -> bool {
    let is_here = Bf16::detect().is_some();
    if !is_here {
        skip("this processor has no AVX512-BF16");
    }
    is_here
}

const SHAPES: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (3, 7, 5),
    (8, 8, 48),
    (0, 4, 3),
    (4, 3, 0),
    (2, 0, 3),
    (1, 64, 97),
    (33, 65, 49),
    (70, 131, 95),
    (15, 1025, 17),
    (9, 3001, 50),
    (300, 33, 30),
];

#[test]
fn products_are_those_of_the_rounded_factors() {
    if !is_here() {
        return;
    }
    let check = |case: Case| {
        let added = computed(case, |product, to| product.add_to(to), Workers::All);
        let stored = computed(case, |product, to| product.store(to), Workers::One);
        let (sums, width) = (sums(case), case.columns + 5);
        for (i, (added, stored)) in added.into_iter().zip(stored).enumerate() {
            let (row, column) = (i / width, (i % width).wrapping_sub(2));
            if column >= case.columns {
                assert!((added, stored) == (0.5, 0.5), "{case:?}: wrote beside the target");
                continue;
            }
            let (sum, size) = sums[row * case.columns + column];
            // Half a unit in the last place for each addition, twice for the scale.
            let error = 2.0 * size * case.depth as f64 * f64::from(f32::EPSILON) + 1e-6;
            for (got, expected) in [(added, 0.5 + 2.0 * sum), (stored, 2.0 * sum)] {
                let close = (f64::from(got) - expected).abs() <= error;
                assert!(close, "{case:?} ({row}, {column}): expected {expected}, got {got}");
            }
        }
    };
    cases(&SHAPES).into_iter().for_each(check);
}

#[test]
fn threads_do_not_change_a_bit() {
    if !is_here() {
        return;
    }
    let check = |case: Case| {
        let bits = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let product = || computed(case, |product, to| product.add_to(to), Workers::All);
            pool.install(product).into_iter().map(f32::to_bits).collect()
        };
        let one: Vec<u32> = bits(1);
        for threads in [2, 3, 5] {
            assert!(one == bits(threads), "{case:?}, {threads} threads");
        }
    };
    let shapes = [(399, 768, 768), (400, 3072, 768), (768, 399, 768), (2048, 768, 100)];
    cases(&shapes).into_iter().for_each(check);
    let odd = [(1, 768, 768), (16, 768, 2), (257, 65, 129), (1030, 2050, 70)];
    cases(&odd).into_iter().for_each(check);
}
