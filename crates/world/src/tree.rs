//! One binary tree over things in a row: the order of sums that must not follow the number of ranks.
//!
//! A row is split in the middle, the left half having the odd one, and each half likewise. Ranks are
//! split as leaves are, so each rank has a subtree of the leaves: what it adds by itself, and what the
//! ranks add up of that in the same tree, is one tree over the leaves.

use std::ops::Range;

use crate::Seat;

impl Seat {
    /// This rank's leaves of the tree over `leaves`, a power of two and at least the number of ranks.
    #[must_use]
    pub fn subtree(self, leaves: usize) -> Range<usize> {
        let (mut ranks, mut own) = (0..self.world().get(), 0..leaves);
        while ranks.len() > 1 {
            let (rank, leaf) = (middle(&ranks), middle(&own));
            if self.rank().0 < rank {
                (ranks.end, own.end) = (rank, leaf);
            } else {
                (ranks.start, own.start) = (rank, leaf);
            }
        }
        own
    }
}

/// All `terms`, added by `add` in the order of the tree; nothing if there is none.
pub fn add_by_tree<T>(
    terms: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    mut add: impl FnMut(T, T) -> T,
) -> Option<T> {
    let mut terms = terms.into_iter();
    let all = 0..terms.len();
    node(&mut terms, all, &mut add)
}

/// The sum of the next terms, whose places are these.
fn node<T>(
    terms: &mut impl Iterator<Item = T>,
    places: Range<usize>,
    add: &mut impl FnMut(T, T) -> T,
) -> Option<T> {
    if places.len() < 2 {
        return if places.is_empty() { None } else { terms.next() };
    }
    let middle = middle(&places);
    let left = node(terms, places.start..middle, add)?;
    let right = node(terms, middle..places.end, add)?;
    Some(add(left, right))
}

fn middle(row: &Range<usize>) -> usize {
    row.start + row.len().div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rank, WorldSize};

    fn written(terms: impl IntoIterator<Item = String, IntoIter: ExactSizeIterator>) -> String {
        add_by_tree(terms, |left, right| format!("({left} {right})")).unwrap_or_default()
    }

    #[test]
    fn the_left_half_has_the_odd_one() {
        let check = |count: usize, expected| {
            assert_eq!(written((0..count).map(|term| term.to_string())), expected);
        };
        check(0, "");
        check(1, "0");
        check(3, "((0 1) 2)");
        check(5, "(((0 1) 2) (3 4))");
        check(8, "(((0 1) (2 3)) ((4 5) (6 7)))");
    }

    #[test]
    fn the_ranks_add_up_to_one_tree() {
        let leaves = |range: Range<usize>| written(range.map(|leaf| leaf.to_string()));
        for world in 1..=8 {
            let world = WorldSize::new(world).unwrap();
            let of_rank = |rank| leaves(Seat::new(Rank(rank), world).unwrap().subtree(8));
            assert_eq!(written((0..world.get()).map(of_rank)), leaves(0..8), "{world:?}");
        }
    }

    #[test]
    fn ranks_have_one_leaf_at_least_and_equally_many_where_that_is_possible() {
        let check = |world: usize, expected: &[usize]| {
            let world = WorldSize::new(world).unwrap();
            let of_rank = |rank| Seat::new(Rank(rank), world).unwrap().subtree(8).len();
            assert_eq!((0..world.get()).map(of_rank).collect::<Vec<_>>(), expected);
        };
        check(1, &[8]);
        check(2, &[4, 4]);
        check(3, &[2, 2, 4]);
        check(4, &[2; 4]);
        check(5, &[1, 1, 2, 2, 2]);
        check(7, &[1, 1, 1, 1, 1, 1, 2]);
        check(8, &[1; 8]);
    }
}
