//! Rows that belong together, added up: the gradient of a gather.
//!
//! Each target belongs to one task, which adds its sources in their order, so threads neither
//! collide nor change the result. The cost follows the sources, whatever the table's height is.

use rayon::prelude::*;

use super::vector::{Kernel, add, vectorised};

/// The distinct `targets`, rising, and for each the sum of the rows `i` of `sources` whose
/// `targets[i]` it is; all rows have `width` values.
pub(crate) fn summed(targets: &[u32], sources: &[f32], width: usize) -> (Vec<u32>, Vec<f32>) {
    let order = sorted(targets);
    let groups: Vec<_> = order.chunk_by(|&i, &j| targets[i] == targets[j]).collect();
    let mut sums = vec![0.0; groups.len() * width];
    let tasks = sums.par_chunks_exact_mut(width).zip(&groups);
    tasks.for_each(|(row, group)| vectorised(AddGroup { row, group, sources }));
    (groups.iter().map(|group| targets[group[0]]).collect(), sums)
}

/// Adds the rows of `sources` that `group` lists to one row.
struct AddGroup<'a> {
    row: &'a mut [f32],
    group: &'a [usize],
    sources: &'a [f32],
}

impl Kernel for AddGroup<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.row.len();
        for &source in self.group {
            add(self.row, &self.sources[source * width..][..width]);
        }
    }
}

/// The places of `targets` by their value, equal ones in their order.
fn sorted(targets: &[u32]) -> Vec<usize> {
    let mut order: Vec<_> = (0..targets.len()).collect();
    order.sort_by_key(|&i| targets[i]);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_target_are_added() {
        fn check(targets: &[u32], rows: &[u32], expected: &[f32]) {
            let sources: Vec<f32> = (0..targets.len() * 2).map(|i| i as f32).collect();
            let sums = summed(targets, &sources, 2);
            assert_eq!(sums, (rows.to_vec(), expected.to_vec()), "{targets:?}");
        }
        check(&[], &[], &[]);
        check(&[0, 0, 0], &[0], &[6.0, 9.0]);
        check(&[4, 0, 4, 2], &[0, 2, 4], &[2.0, 3.0, 6.0, 7.0, 4.0, 6.0]);
    }
}
