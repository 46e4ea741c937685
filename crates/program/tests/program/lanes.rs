//! Two lanes never touch the same memory without an order, and the check sees when they do.

use lockstep_program::{Arithmetic, Item, Lane, Program, unordered};

use crate::recorded::{SHAPE, WORDS, all, gradients};

#[test]
fn every_program_orders_its_lanes() {
    for arithmetic in [Arithmetic::F32, Arithmetic::Tf32, Arithmetic::Bf16] {
        for program in all(arithmetic) {
            assert_eq!(unordered(&program), [], "{} in {arithmetic:?}", program.name);
        }
    }
}

#[test]
fn a_missing_wait_is_found() {
    let program = all(Arithmetic::Bf16).swap_remove(1);
    let waits = |item: &Item| matches!(item, Item::Wait { .. });
    let places: Vec<usize> =
        (0..program.items.len()).filter(|&place| waits(&program.items[place])).collect();
    let mut silent = Vec::new();
    for place in places {
        let mut cut = program.clone();
        let Item::Wait { lane, .. } = cut.items.remove(place) else { unreachable!() };
        if unordered(&cut).is_empty() {
            silent.push((place, lane));
        }
    }
    // A wait of the side lane that a later wait of it makes needless, when nothing stands between.
    assert!(silent.iter().all(|(_, lane)| *lane == Lane::Side), "{silent:?}");
    assert!(silent.len() <= 2, "{} waits order nothing: {silent:?}", silent.len());
}

#[test]
fn both_lanes_have_work() {
    let program = all(Arithmetic::Bf16).swap_remove(1);
    let count = |lane| program.ops().filter(|op| op.lane == lane).count();
    let [main, side] = Lane::ALL.map(count);
    assert!(main > 2 * side && side > 20, "{main} operations beside {side}");
}

/// The buckets that a program completes, in its order; what it touches of one after that is an error.
fn completed(program: &Program) -> Result<Vec<usize>, String> {
    let sums = gradients().sums(WORDS, SHAPE.width);
    let mut complete = Vec::new();
    for item in &program.items {
        match item {
            Item::Complete { bucket } => complete.push(*bucket),
            Item::Op(op) => {
                let touched = |bucket: &&usize| {
                    op.reads.iter().chain(&op.writes).any(|span| span.overlaps(&sums[**bucket]))
                };
                if let Some(bucket) = complete.iter().find(touched) {
                    return Err(format!("{} touches bucket {bucket}", op.label));
                }
            }
            Item::Signal { .. } | Item::Wait { .. } => {}
        }
    }
    Ok(complete)
}

#[test]
fn a_complete_bucket_is_left_to_the_ranks() {
    for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
        let programs = all(arithmetic);
        let completed = programs.iter().map(|program| completed(program).unwrap());
        let completed: Vec<_> = completed.filter(|buckets| !buckets.is_empty()).collect();
        let every: Vec<usize> = (0..SHAPE.blocks + 2).collect();
        assert_eq!(completed, [every.clone(), every], "the last passes of a rank that has peers");
    }
}

#[test]
fn a_bucket_that_is_complete_too_early_is_found() {
    let mut program = all(Arithmetic::Bf16).swap_remove(3);
    let is_complete = |item: &Item| matches!(item, Item::Complete { bucket: 2 });
    let place = program.items.iter().position(is_complete).unwrap();
    let item = program.items.remove(place);
    let is_last_weight = |item: &Item| match item {
        Item::Op(op) => op.label == "block 2: vectors, gradient",
        _ => false,
    };
    let earlier = program.items.iter().position(is_last_weight).unwrap();
    program.items.insert(earlier, item);
    let found = completed(&program).unwrap_err();
    assert_eq!(found, "block 2: vectors, gradient touches bucket 2");
}
