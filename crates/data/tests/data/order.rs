//! Who reads what and when, as properties over all small worlds.
//!
//! The orders themselves are frozen by `golden/order.json`, which `golden/order.py` made.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use lockstep_data::{BatchPlan, Order};
use lockstep_world::{Rank, Seat, Seed, Step, WorldSize};
use proptest::prelude::*;
use serde_json::Value;

fn plan(examples: usize, batch: usize, order: Order) -> BatchPlan {
    BatchPlan::new(examples, NonZeroUsize::new(batch).unwrap(), order)
}

fn seats(world: usize) -> impl Iterator<Item = Seat> {
    let world = WorldSize::new(world).unwrap();
    (0..world.get()).map(move |rank| Seat::new(Rank(rank), world).unwrap())
}

fn orders() -> impl Strategy<Value = Order> {
    prop_oneof![any::<u64>().prop_map(|seed| Order::Shuffled(Seed(seed))), Just(Order::AsInFile)]
}

/// All examples in the order in which an epoch reads them.
fn epoch(plan: &BatchPlan, number: u64) -> Vec<usize> {
    let updates = plan.updates_per_epoch() as u64;
    let steps = (number * updates)..((number + 1) * updates);
    steps.flat_map(|step| plan.global_batch(Step(step))).collect()
}

proptest! {
    #[test]
    fn an_epoch_reads_every_example_once(
        examples in 0_usize..=65, batch in 1_usize..=70, order in orders(), number in 0_u64..5,
    ) {
        let plan = plan(examples, batch, order);
        prop_assert_eq!(plan.updates_per_epoch(), examples.div_ceil(batch));
        let mut read = epoch(&plan, number);
        if order == Order::AsInFile {
            prop_assert_eq!(&read, &(0..examples).collect::<Vec<_>>());
        }
        read.sort_unstable();
        prop_assert_eq!(read, (0..examples).collect::<Vec<_>>());
    }

    #[test]
    fn shares_are_disjoint_and_cover_the_batch_at_any_world_size(
        examples in 1_usize..=65, batch in 1_usize..=70, world in 1_usize..=8,
        order in orders(), step in 0_u64..200,
        lengths in prop::collection::vec(2_u32..=128, 65),
    ) {
        let (plan, step) = (plan(examples, batch, order), Step(step));
        let global = plan.global_batch(step);
        prop_assert!(global.len() <= batch);
        let shares: Vec<Vec<usize>> =
            seats(world).map(|seat| plan.share(step, seat, &lengths)).collect();
        let mut joined = shares.concat();
        joined.sort_unstable();
        let mut whole = global.clone();
        whole.sort_unstable();
        prop_assert_eq!(joined, whole);
        for share in &shares {
            let places = share.iter().map(|example| global.iter().position(|e| e == example));
            prop_assert!(places.collect::<Vec<_>>().is_sorted(), "in the order of the batch");
        }
        prop_assert_eq!(plan.share(step, Seat::SOLO, &lengths), global);
    }

    #[test]
    fn a_plan_has_no_memory(
        examples in 1_usize..=65, batch in 1_usize..=70, seed in any::<u64>(),
        steps in prop::collection::vec(0_u64..500, 1..20),
    ) {
        let lengths = vec![7; examples];
        let used = plan(examples, batch, Order::Shuffled(Seed(seed)));
        for step in steps.into_iter().map(Step) {
            let fresh = plan(examples, batch, Order::Shuffled(Seed(seed)));
            prop_assert_eq!(used.epoch_of(step), step.0 / used.updates_per_epoch() as u64);
            prop_assert_eq!(used.global_batch(step), fresh.global_batch(step));
            for seat in seats(3) {
                prop_assert_eq!(used.share(step, seat, &lengths), fresh.share(step, seat, &lengths));
            }
        }
    }

    #[test]
    fn epochs_and_seeds_differ(seed in any::<u64>()) {
        let order = |seed: u64, number: u64| epoch(&plan(40, 16, Order::Shuffled(Seed(seed))), number);
        let seen: HashSet<Vec<usize>> = [order(seed, 0), order(seed, 1), order(seed, 2),
            order(seed.wrapping_add(1), 0)].into();
        prop_assert_eq!(seen.len(), 4);
    }
}

#[test]
fn orders_are_the_golden_ones() {
    let golden: Value = serde_json::from_str(include_str!("golden/order.json")).unwrap();
    for row in golden.as_array().unwrap() {
        let number = |key: &str| row[key].as_u64().unwrap();
        let examples = usize::try_from(number("examples")).unwrap();
        let plan = plan(examples, 4, Order::Shuffled(Seed(number("seed"))));
        let expected: Vec<usize> = serde_json::from_value(row["order"].clone()).unwrap();
        assert_eq!(epoch(&plan, number("epoch")), expected, "{row}");
    }
}

#[test]
fn a_small_batch_leaves_ranks_without_work() {
    let plan = plan(2, 2, Order::AsInFile);
    let shares: Vec<Vec<usize>> =
        seats(4).map(|seat| plan.share(Step::START, seat, &[5, 9])).collect();
    assert_eq!(shares, [vec![1], vec![0], vec![], vec![]]);
    assert!(BatchPlan::new(0, NonZeroUsize::MIN, Order::AsInFile).global_batch(Step(3)).is_empty());
}

/// The lengths of SST-2's 67,349 training phrases: 24 quantiles of them.
const SST2_LENGTHS: [u32; 24] =
    [3, 4, 4, 5, 5, 6, 6, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 21, 23, 27, 31, 40];

#[test]
fn the_busiest_rank_has_hardly_more_than_the_mean() {
    let lengths: Vec<u32> =
        (0..6_400).map(|i| SST2_LENGTHS[Seed(1).below(i, SST2_LENGTHS.len())]).collect();
    let plan = plan(lengths.len(), 64, Order::Shuffled(Seed(42)));
    let imbalance = |step: u64| {
        let load = |seat| plan.share(Step(step), seat, &lengths).iter().map(|&e| lengths[e]).sum();
        let loads: Vec<u32> = seats(4).map(load).collect();
        f64::from(*loads.iter().max().unwrap()) * 4.0 / f64::from(loads.iter().sum::<u32>())
    };
    let mean = (0..100).map(imbalance).sum::<f64>() / 100.0;
    println!("busiest rank over the mean, 4 ranks, 64 examples a batch: {mean:.4}");
    assert!(mean <= 1.05, "{mean}");
}
