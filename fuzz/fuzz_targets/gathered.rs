//! Bytes that ranks give each other, where a rank says what it likes.
#![no_main]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use lockstep_collective::{Collective, CollectiveError, broadcast_bytes, gather_bytes};
use lockstep_world::{Rank, Seat, WorldSize};

/// Bytes that a rank may give.
const MOST: usize = 1 << 20;

/// A rank among three, whose peers say what the input has.
struct Peers(VecDeque<u64>);

impl Collective for Peers {
    fn seat(&self) -> Seat {
        let world = WorldSize::new(3).expect("three ranks");
        Seat::new(Rank(0), world).expect("rank 0 of 3")
    }

    fn all_reduce_sum(&mut self, _: &mut [f32]) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn broadcast(&mut self, _: &mut [f32], _: Rank) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        let mut word = || self.0.pop_front().unwrap_or_default();
        let others: Vec<u64> = (0..2 * values.len()).map(|_| word()).collect();
        Ok([values, &others].concat())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let words = bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    let mut peers = Peers(words.collect());
    let _ = gather_bytes(&mut peers, b"lockstep", MOST).map_err(|error| error.to_string());
    let _ =
        broadcast_bytes(&mut peers, b"lockstep", Rank(2), MOST).map_err(|error| error.to_string());
});
