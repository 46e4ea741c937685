//! Who reads what, and when.
//!
//! The global batch of a step is a function of (seed, epoch, batch size) and of nothing else: at
//! any number of ranks the same examples make the same update. How a batch is split over the ranks
//! may then follow the lengths of its texts, because gradients are sums.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use lockstep_world::{Purpose, Rank, Seat, Seed, Step, WorldSize};
use serde::Serialize;

/// In which order an epoch reads the examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Order {
    /// Shuffled, each epoch in another way.
    Shuffled(Seed),
    /// As they stand in the file: evaluation, and comparisons with other programs.
    AsInFile,
}

/// The plan of all steps over one corpus.
#[derive(Debug)]
pub struct BatchPlan {
    examples: usize,
    global_batch: NonZeroUsize,
    order: Order,
    /// The epoch that was shuffled last. It saves time and changes no result.
    shuffled: Mutex<Option<Epoch>>,
}

#[derive(Debug)]
struct Epoch {
    number: u64,
    order: Places,
}

/// All places of a corpus in the order of an epoch, in as few bytes as they need: of 50 million examples
/// 200 MB.
#[derive(Debug)]
enum Places {
    /// Of fewer than 2^32 examples.
    Narrow(Vec<u32>),
    /// Of any number.
    Wide(Vec<usize>),
}

impl Places {
    /// `0..examples` in the order of `epoch`.
    fn shuffled(examples: usize, seed: Seed, epoch: u64) -> Self {
        match u32::try_from(examples) {
            Ok(examples) => Self::Narrow(shuffle((0..examples).collect(), seed, epoch)),
            Err(_) => Self::Wide(shuffle((0..examples).collect(), seed, epoch)),
        }
    }

    fn get(&self, range: Range<usize>) -> Vec<usize> {
        match self {
            Self::Narrow(order) => {
                let places = order.get(range).unwrap_or_default();
                places.iter().map(|&place| place as usize).collect()
            }
            Self::Wide(order) => order.get(range).unwrap_or_default().to_vec(),
        }
    }
}

impl BatchPlan {
    /// The plan for `examples` examples, `global_batch` of them a step over all ranks.
    #[must_use]
    pub fn new(examples: usize, global_batch: NonZeroUsize, order: Order) -> Self {
        Self { examples, global_batch, order, shuffled: Mutex::new(None) }
    }

    /// The number of steps in which each example is read once. The last batch of an epoch is the
    /// smaller rest; none is dropped or read twice to fill it.
    #[must_use]
    pub fn updates_per_epoch(&self) -> usize {
        self.examples.div_ceil(self.global_batch.get())
    }

    /// The epoch in which `step` lies, counted from 0.
    #[must_use]
    pub fn epoch_of(&self, step: Step) -> u64 {
        step.0.checked_div(self.updates_per_epoch() as u64).unwrap_or(0)
    }

    /// The places in the corpus that all ranks together read in `step`.
    #[must_use]
    pub fn global_batch(&self, step: Step) -> Vec<usize> {
        let within = step.0.checked_rem(self.updates_per_epoch() as u64).unwrap_or(0);
        #[expect(clippy::cast_possible_truncation, reason = "below updates_per_epoch, a usize")]
        let start = within as usize * self.global_batch.get();
        let end = start.saturating_add(self.global_batch.get()).min(self.examples);
        match self.order {
            Order::AsInFile => (start..end).collect(),
            Order::Shuffled(seed) => self.shuffled(seed, self.epoch_of(step), start..end),
        }
    }

    /// The places that the rank at `seat` reads in `step`, in the order of the global batch.
    ///
    /// `lengths` holds the number of tokens of each example; one without counts as 1. The longest
    /// text goes first, each to the rank with the fewest tokens so far (Graham, "Bounds on
    /// multiprocessing timing anomalies", SIAM 1969): the busiest rank has at most 4/3 of the least
    /// that is possible.
    #[must_use]
    pub fn share(&self, step: Step, seat: Seat, lengths: &[u32]) -> Vec<usize> {
        let batch = self.global_batch(step);
        let owners = deal(&batch, lengths, seat.world());
        let own = batch.into_iter().zip(owners).filter(|(_, owner)| *owner == seat.rank());
        own.map(|(example, _)| example).collect()
    }

    /// The places that all ranks together read in `step`, dealt to so many shares as [`Self::share`]
    /// deals them to ranks.
    #[must_use]
    pub fn shares(&self, step: Step, count: WorldSize, lengths: &[u32]) -> Vec<Vec<usize>> {
        let batch = self.global_batch(step);
        let owners = deal(&batch, lengths, count);
        let mut shares = vec![Vec::new(); count.get()];
        for (example, owner) in batch.into_iter().zip(owners) {
            shares[owner.0].push(example);
        }
        shares
    }

    /// A part of the order of an epoch.
    fn shuffled(&self, seed: Seed, epoch: u64, range: Range<usize>) -> Vec<usize> {
        let mut shuffled = self.shuffled.lock().unwrap_or_else(PoisonError::into_inner);
        if shuffled.as_ref().is_none_or(|known| known.number != epoch) {
            // The order of the epoch before is not held beside the new one.
            *shuffled = None;
            let order = Places::shuffled(self.examples, seed, epoch);
            *shuffled = Some(Epoch { number: epoch, order });
        }
        shuffled.as_ref().map(|known| known.order.get(range)).unwrap_or_default()
    }
}

/// Puts `order` in the order of `epoch` (Fisher and Yates, in Durstenfeld's form: Knuth, "The art of
/// computer programming", volume 2, algorithm 3.4.2P).
fn shuffle<T>(mut order: Vec<T>, seed: Seed, epoch: u64) -> Vec<T> {
    let seed = seed.derive(Purpose::DataOrder, epoch);
    for last in (1..order.len()).rev() {
        order.swap(last, seed.below(last as u64, last + 1));
    }
    order
}

/// The rank of each example of `batch`: the longest goes first, each to the rank with the fewest
/// tokens so far, and to the lowest rank among equals.
fn deal(batch: &[usize], lengths: &[u32], world: WorldSize) -> Vec<Rank> {
    let length = |example: usize| u64::from(lengths.get(example).copied().unwrap_or(1));
    let mut longest_first: Vec<(Reverse<u64>, usize)> = batch
        .iter()
        .enumerate()
        .map(|(place, &example)| (Reverse(length(example)), place))
        .collect();
    longest_first.sort_unstable();
    let mut loads: BinaryHeap<Reverse<(u64, usize)>> =
        (0..world.get()).map(|rank| Reverse((0, rank))).collect();
    let mut owners = vec![Rank(0); batch.len()];
    for (Reverse(tokens), place) in longest_first {
        if let (Some(mut idlest), Some(owner)) = (loads.peek_mut(), owners.get_mut(place)) {
            let Reverse((load, rank)) = &mut *idlest;
            *load += tokens;
            *owner = Rank(*rank);
        }
    }
    owners
}
