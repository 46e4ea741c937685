//! Shapes drawn at random, against the oracle.

use lockstep_kernels::Rows;
use proptest::prelude::*;

use crate::operations::Operation;
use crate::oracle::{check, check_block};

/// The queries and keys of a segment: none, only keys, or both.
fn segment() -> impl Strategy<Value = (usize, usize)> {
    prop_oneof![
        Just((0, 0)),
        (1..40_usize).prop_map(|keys| (0, keys)),
        (1..40_usize).prop_map(|keys| (1, keys)),
        (1..80_usize).prop_map(|keys| (keys, keys)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("CASES").map_or(24, |c| c.parse().unwrap()), failure_persistence: None, ..Default::default() })]

    #[test]
    fn attention(
        lengths in prop::collection::vec(segment(), 0..6),
        heads in 1..=12_usize,
        columns in 1..20_usize,
        rate in prop::option::of(0.0..0.9_f32),
    ) {
        check(&Operation::attention(&lengths, heads, columns, rate));
    }

    #[test]
    fn block(
        lengths in prop::collection::vec(1..70_usize, 1..6),
        heads in 1..=4_usize,
        columns in 2..20_usize,
        wide in 2..90_usize,
        rows in prop_oneof![Just(Rows::All), Just(Rows::First)],
        rate in prop::option::of(0.0..0.9_f32),
    ) {
        check_block(&Operation::block(&lengths, (heads, columns, wide), rows, rate));
    }

    #[test]
    fn rows(rows in 0..90_usize, width in 1..130_usize, outputs in 1..90_usize) {
        check(&Operation::linear(rows, width, outputs));
        check(&Operation::layer_norm(rows, width));
        check(&Operation::gelu(rows, width));
        check(&Operation::embedding(rows, width));
        check(&Operation::cross_entropy(rows, width));
        check(&Operation::dropout(rows, width, 0.25));
    }
}
