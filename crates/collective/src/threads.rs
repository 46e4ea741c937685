//! Ranks as threads of one process: for tests, which want many ranks and no library.

use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;

use lockstep_world::{Rank, Seat, WorldSize, add_by_tree};

use crate::{Collective, CollectiveError, check_root};

/// One rank among the threads of a process.
#[derive(Debug)]
pub struct Threads {
    seat: Seat,
    table: Arc<Table>,
    sums_by_tree: bool,
}

/// Where all ranks put what they have, and read what the others have.
#[derive(Debug)]
struct Table {
    barrier: Barrier,
    words: Mutex<Vec<Vec<u64>>>,
}

impl Threads {
    /// Runs `work` as each rank of a world of `size`; gives what they return, in their order.
    ///
    /// A rank that panics leaves the others waiting, as a lost process would.
    pub fn run<T: Send>(size: usize, work: impl Fn(Self) -> T + Sync) -> Vec<T> {
        let table = Arc::new(Table {
            barrier: Barrier::new(size),
            words: Mutex::new(vec![Vec::new(); size]),
        });
        let world = WorldSize::new(size).unwrap_or(WorldSize::ONE);
        let ranks = (0..size).filter_map(|rank| Seat::new(Rank(rank), world).ok());
        thread::scope(|scope| {
            let start = |seat| {
                let (table, work) = (Arc::clone(&table), &work);
                scope.spawn(move || work(Self { seat, table, sums_by_tree: false }))
            };
            let handles: Vec<_> = ranks.map(start).collect();
            handles.into_iter().filter_map(|handle| handle.join().ok()).collect()
        })
    }

    /// What every rank put on the table, in their order.
    fn exchange(&self, words: Vec<u64>) -> Vec<Vec<u64>> {
        let table = || self.table.words.lock().unwrap_or_else(PoisonError::into_inner);
        table()[self.seat.rank().0] = words;
        self.table.barrier.wait();
        let all = table().clone();
        self.table.barrier.wait();
        all
    }
}

impl Collective for Threads {
    fn seat(&self) -> Seat {
        self.seat
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let all = self.exchange(to_words(values));
        for (place, value) in values.iter_mut().enumerate() {
            let terms = all.iter().map(|words| from_word(words[place]));
            *value = match self.sums_by_tree {
                true => add_by_tree(terms, |left, right| left + right).unwrap_or_default(),
                false => terms.sum(),
            };
        }
        Ok(())
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        self.sums_by_tree = true;
        Ok(())
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        check_root(root, self.seat)?;
        let all = self.exchange(to_words(values));
        for (value, &word) in values.iter_mut().zip(&all[root.0]) {
            *value = from_word(word);
        }
        Ok(())
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        Ok(self.exchange(values.to_vec()).concat())
    }
}

fn to_words(values: &[f32]) -> Vec<u64> {
    values.iter().map(|value| u64::from(value.to_bits())).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a word made of 32 bits")]
fn from_word(word: u64) -> f32 {
    f32::from_bits(word as u32)
}
