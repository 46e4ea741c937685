//! A sequence of choices.
//!
//! Each choice takes the next value of one [`Seed`], so a corpus follows from its seed alone.

use lockstep_world::Seed;

/// A seed and how many of its values are used up.
pub(super) struct Dice {
    seed: Seed,
    thrown: u64,
}

impl Dice {
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, thrown: 0 }
    }

    /// A number in `0..bound`; `bound` must not be 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let value = self.seed.below(self.thrown, bound);
        self.thrown += 1;
        value
    }

    /// One of the items, each as likely as the others; there must be at least one.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// One of the items other than `taken`; there must be one.
    pub(super) fn pick_besides<T: Copy + PartialEq>(&mut self, items: &[T], taken: T) -> T {
        loop {
            let item = self.pick(items);
            if item != taken {
                return item;
            }
        }
    }

    /// Puts the items in random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
