//! The promises, as checks that one rank makes together with all others.
//!
//! Values are small integers, whose sums are exact in f32 in any order; so what is expected needs
//! no tolerance, and no second implementation.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lockstep_collective::{Collective, CollectiveError};
use lockstep_world::{Fingerprint, Rank, add_by_tree};

/// None, one, fewer than ranks, ragged, more than one piece of any backend's.
const LENGTHS: [usize; 8] = [0, 1, 2, 3, 7, 1000, 65_537, 4 * 1024 * 1024 + 1];

/// As many values as DistilBERT has weights, about: many of MPI's pieces.
pub(crate) const LARGEST: usize = 64 * 1024 * 1024;

/// All promises.
pub(crate) fn keeps_every_promise(ranks: &mut impl Collective) {
    for length in LENGTHS {
        sums_are_exact(ranks, length);
        sums_are_the_same_bits(ranks, length);
        shards_are_summed_and_gathered(ranks, length);
        each_root_is_heard(ranks, length);
    }
    gathers_in_order(ranks);
    no_one_leaves_a_barrier_early(ranks);
    a_root_must_exist(ranks);
    calls_of_all_kinds_follow_each_other(ranks);
    if ranks.sum_by_tree().is_ok() {
        for length in LENGTHS {
            sums_follow_the_tree(ranks, length);
        }
        calls_of_all_kinds_follow_each_other(ranks);
    }
}

/// Sums of `length` values are those of the ranks' values, in their places.
pub(crate) fn sums_are_exact(ranks: &mut impl Collective, length: usize) {
    let mut values = values(ranks, length);
    ranks.all_reduce_sum(&mut values).unwrap();
    are_sums(ranks, &values, 0..length);
}

/// Each rank has the sums of its shard, and gathering the shards gives each rank all of them.
pub(crate) fn shards_are_summed_and_gathered(ranks: &mut impl Collective, length: usize) {
    let mut values = values(ranks, length);
    ranks.reduce_scatter_sum(&mut values).unwrap();
    let shard = ranks.seat().shard(length);
    are_sums(ranks, &values, shard.clone());
    values[..shard.start].fill(f32::NAN);
    values[shard.end..].fill(f32::NAN);
    ranks.all_gather_shards(&mut values).unwrap();
    are_sums(ranks, &values, 0..length);
}

/// What this rank gives, at `length` places.
pub(crate) fn values(ranks: &impl Collective, length: usize) -> Vec<f32> {
    let rank = ranks.seat().rank().0;
    (0..length).map(|place| value(rank, place)).collect()
}

/// Whether at these places `found` has the sums of what the ranks gave.
pub(crate) fn are_sums(ranks: &impl Collective, found: &[f32], places: Range<usize>) {
    let world = ranks.seat().world().get();
    for place in places {
        let expected: f32 = (0..world).map(|rank| value(rank, place)).sum();
        assert_eq!(found[place], expected, "place {place} of {}", found.len());
    }
}

/// Where sums are rounded, all ranks have rounded alike.
fn sums_are_the_same_bits(ranks: &mut impl Collective, length: usize) {
    let rank = ranks.seat().rank().0;
    let mut values: Vec<f32> =
        (0..length).map(|place| 1.0 / (1 + place + 7919 * rank) as f32).collect();
    ranks.all_reduce_sum(&mut values).unwrap();
    let mine = digest(&values);
    let all = ranks.all_gather(&[mine]).unwrap();
    assert!(all.iter().all(|&theirs| theirs == mine), "{length} sums differ: {all:x?}");
}

/// Sums of values that round differently in any other order are those of the tree.
fn sums_follow_the_tree(ranks: &mut impl Collective, length: usize) {
    let value = |rank: usize, place: usize| 1.0 / (1 + place + 7919 * rank) as f32;
    let (own, world) = (ranks.seat().rank().0, ranks.seat().world().get());
    let given: Vec<f32> = (0..length).map(|place| value(own, place)).collect();
    let (mut everywhere, mut scattered) = (given.clone(), given);
    ranks.all_reduce_sum(&mut everywhere).unwrap();
    ranks.reduce_scatter_sum(&mut scattered).unwrap();
    let shard = ranks.seat().shard(length);
    for place in 0..length {
        let terms = (0..world).map(|rank| value(rank, place));
        let expected = add_by_tree(terms, |left, right| left + right).unwrap().to_bits();
        assert_eq!(everywhere[place].to_bits(), expected, "place {place} of {length}");
        let is_own = shard.contains(&place);
        assert!(!is_own || scattered[place].to_bits() == expected, "place {place} of {length}");
    }
}

fn each_root_is_heard(ranks: &mut impl Collective, length: usize) {
    for root in 0..ranks.seat().world().get() {
        let mut values = values(ranks, length);
        ranks.broadcast(&mut values, Rank(root)).unwrap();
        let heard = values.iter().enumerate().all(|(place, &found)| found == value(root, place));
        assert!(heard, "{length} values of rank {root}");
    }
}

fn gathers_in_order(ranks: &mut impl Collective) {
    let (rank, world) = (ranks.seat().rank().0, ranks.seat().world().get());
    for length in [0, 1, 5, 70_001] {
        let given = |rank: usize| (0..length).map(move |place| u64::MAX - word(rank, place));
        let mine: Vec<u64> = given(rank).collect();
        let expected: Vec<u64> = (0..world).flat_map(given).collect();
        assert!(ranks.all_gather(&mine).unwrap() == expected, "{length} words of each rank");
    }
}

/// The last to arrive is the first after which any rank continues; one machine has one clock.
fn no_one_leaves_a_barrier_early(ranks: &mut impl Collective) {
    for late in 0..ranks.seat().world().get() {
        if ranks.seat().rank().0 == late {
            std::thread::sleep(Duration::from_millis(20));
        }
        let came = now();
        ranks.barrier().unwrap();
        let left = now();
        let all = ranks.all_gather(&[came]).unwrap();
        assert!(all.iter().all(|&came| came <= left), "came at {all:?}, left at {left}");
    }
}

/// All ranks ask for it, and all are told; the next call works.
fn a_root_must_exist(ranks: &mut impl Collective) {
    let root = Rank(ranks.seat().world().get());
    let error = ranks.broadcast(&mut [0.0; 3], root).unwrap_err();
    assert!(matches!(error, CollectiveError::NoSuchRoot { .. }), "{error}");
    sums_are_exact(ranks, 3);
}

/// Nothing of one call is left over for the next one, whatever their kinds and lengths.
fn calls_of_all_kinds_follow_each_other(ranks: &mut impl Collective) {
    let world = ranks.seat().world().get();
    for call in 0..60 {
        let length = call * 7919 % 5003;
        sums_are_exact(ranks, length);
        shards_are_summed_and_gathered(ranks, length / 2);
        let mut sign = [if ranks.seat().rank().0 == call % world { call as f32 } else { -1.0 }];
        ranks.broadcast(&mut sign, Rank(call % world)).unwrap();
        assert_eq!(sign, [call as f32]);
        assert_eq!(ranks.all_gather(&[call as u64]).unwrap(), vec![call as u64; world]);
        if call % 5 == 0 {
            ranks.barrier().unwrap();
        }
    }
}

/// From -50 to 50, so that sums of a hundred thousand ranks are exact.
fn value(rank: usize, place: usize) -> f32 {
    ((place * 7 + rank * 13) % 101) as f32 - 50.0
}

fn word(rank: usize, place: usize) -> u64 {
    (rank as u64) << 32 | place as u64
}

/// One number for the values' bits.
fn digest(values: &[f32]) -> u64 {
    let mix = |before: Fingerprint, value: &f32| before.then(u64::from(value.to_bits()));
    values.iter().fold(Fingerprint::new(), mix).value()
}

#[expect(clippy::cast_possible_truncation, reason = "nanoseconds fit until the year 2554")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}
