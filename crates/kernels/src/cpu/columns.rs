//! Sums over the rows of a matrix, one for each column.
//!
//! Gradients of biases and of the layer norm's scale are such sums. Blocks of rows are summed by
//! any thread; the blocks' sums are added in order, so that threads do not change the result.

use rayon::prelude::*;

use super::vector::{Kernel, add, vectorised};

/// Rows of a block: many enough that the second sum costs little.
const ROWS: usize = 64;

/// The sums of the columns of `values`, rows of `width`.
pub(crate) fn sums(values: &[f32], width: usize) -> Vec<f32> {
    let parts = values.par_chunks(ROWS * width).map(|block| {
        let mut sums = vec![0.0; width];
        vectorised(AddRows { sums: &mut sums, rows: block });
        sums
    });
    in_order(&parts.collect::<Vec<_>>(), width)
}

/// The sum of `parts`, each of `width` values, one after the other.
pub(crate) fn in_order(parts: &[Vec<f32>], width: usize) -> Vec<f32> {
    let mut total = vec![0.0; width];
    for part in parts {
        vectorised(AddRows { sums: &mut total, rows: part });
    }
    total
}

struct AddRows<'a> {
    sums: &'a mut [f32],
    rows: &'a [f32],
}

impl Kernel for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in self.rows.chunks_exact(self.sums.len()) {
            add(self.sums, row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_summed() {
        for (rows, width) in [(0, 3), (1, 1), (130, 33)] {
            let values: Vec<f32> = (0..rows * width).map(|i| (i % width) as f32).collect();
            let expected: Vec<_> = (0..width).map(|column| (rows * column) as f32).collect();
            assert_eq!(sums(&values, width), expected, "{rows} x {width}");
        }
    }
}
