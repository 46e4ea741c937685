//! Rows added into the rows of a larger matrix: the gradient of a gather.
//!
//! Each target row belongs to one task, which adds its sources in their order, so threads neither
//! collide nor change the result. The cost follows the sources, not the target.

use rayon::prelude::*;

use super::vector::{Kernel, add, vectorised};

/// A matrix of `rows` rows of zeros, to whose row `targets[i]` row `i` of `sources` is added;
/// all rows have `width` values.
pub(crate) fn scattered(targets: &[usize], sources: &[f32], shape: (usize, usize)) -> Vec<f32> {
    let (rows, width) = shape;
    // The allocator's own zeros: pages of rows that nobody touches cost nothing.
    let mut values = vec![0.0; rows * width];
    let order = sorted(targets);
    let groups: Vec<_> = order.chunk_by(|&i, &j| targets[i] == targets[j]).collect();
    let wanted = groups.iter().map(|group| targets[group[0]]);
    let tasks: Vec<_> = distinct_rows(&mut values, width, wanted).into_iter().zip(groups).collect();
    tasks.into_par_iter().for_each(|(row, group)| vectorised(AddGroup { row, group, sources }));
    values
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
fn sorted(targets: &[usize]) -> Vec<usize> {
    let mut order: Vec<_> = (0..targets.len()).collect();
    order.sort_by_key(|&i| targets[i]);
    order
}

/// Some rows of a matrix, each to be written by another thread; `wanted` must rise.
fn distinct_rows(
    values: &mut [f32],
    width: usize,
    wanted: impl Iterator<Item = usize>,
) -> Vec<&mut [f32]> {
    let (mut rest, mut passed) = (values, 0);
    wanted
        .map(|row| {
            let (_, from_row) = std::mem::take(&mut rest).split_at_mut((row - passed) * width);
            let (row_values, after) = from_row.split_at_mut(width);
            (rest, passed) = (after, row + 1);
            row_values
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_land_where_they_belong() {
        fn check(rows: usize, targets: &[usize]) {
            let width = 3;
            let sources: Vec<f32> = (0..targets.len() * width).map(|i| i as f32).collect();
            let mut expected = vec![0.0; rows * width];
            for (target, source) in targets.iter().zip(sources.chunks(width)) {
                add(&mut expected[target * width..][..width], source);
            }
            assert_eq!(scattered(targets, &sources, (rows, width)), expected, "{targets:?}");
        }
        check(1, &[]);
        check(1, &[0, 0, 0]);
        check(5, &[4, 0, 2, 4, 2, 2]);
    }
}
