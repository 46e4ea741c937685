//! Two lanes never touch the same memory without an order, and the check sees when they do.

use lockstep_program::{Arithmetic, Item, Lane, unordered};

use crate::recorded::all;

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
