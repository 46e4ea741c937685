//! Transposed copies of weights whose rows lie unluckily far apart.
//!
//! `gemm` reads any strides, but first packs a factor whose columns are strided, on one thread. Where
//! rows are a multiple of 2 or 4 KiB apart, the values of a column fall into a few sets of the cache
//! and push each other out. Measured on Zen 5, in ns a value: packing takes 1.5 at multiples of
//! 4 KiB, 0.6 of 2 KiB and 0.2 elsewhere; a transposed copy 0.3 to 0.8, shared by all threads, and
//! saves the packing. DistilBERT's second feed-forward layer (3072 wide) is such a case: over a
//! batch of 400 tokens it takes two thirds of the time.

use super::blocks::filled;
use super::matrix::Matrix;

/// Rows so many bytes apart share sets of the cache.
const UNLUCKY: usize = 2048;
/// The rows of the other factor from which on packing takes place.
const FEW: usize = 8;

/// Whether a transposed copy of rows of `columns` values, to be multiplied with `others` rows, costs
/// less than it saves.
pub(crate) fn pays(columns: usize, others: usize) -> bool {
    others >= FEW && (columns * size_of::<f32>()).is_multiple_of(UNLUCKY)
}

/// Columns of a tile: the values of a cache line.
const COLUMNS: usize = 16;
/// Rows of a tile: lines that one set of the smallest cache holds at once.
const ROWS: usize = 8;

/// The transposed copy of a matrix whose rows follow each other.
pub(crate) fn transposed(matrix: Matrix) -> Vec<f32> {
    let (rows, columns) = (matrix.rows, matrix.columns);
    let values = matrix.values();
    let whole_rows = rows - rows % ROWS;
    filled(values.len(), COLUMNS * rows, |start, block| {
        let (first, count) = (start / rows, block.len() / rows);
        let whole = if count == COLUMNS { whole_rows } else { 0 };
        for top in (0..whole).step_by(ROWS) {
            let tile = tile(&values[top * columns + first..], columns);
            for (target, column) in block.chunks_exact_mut(rows).zip(&tile) {
                target[top..top + ROWS].copy_from_slice(column);
            }
        }
        for (column, target) in (first..).zip(block.chunks_exact_mut(rows)) {
            for (row, value) in target.iter_mut().enumerate().skip(whole) {
                *value = values[row * columns + column];
            }
        }
    })
}

/// The transposed tile at the start of `values`, whose rows begin `stride` apart.
#[inline(always)]
fn tile(values: &[f32], stride: usize) -> [[f32; ROWS]; COLUMNS] {
    let mut tile = [[0.0; ROWS]; COLUMNS];
    for row in 0..ROWS {
        let line = &values[row * stride..][..COLUMNS];
        for column in 0..COLUMNS {
            tile[column][row] = line[column];
        }
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        for (rows, columns) in [(1, 1), (8, 16), (3, 50), (50, 3), (17, 33), (100, 1000)] {
            let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            let place = |i| (i % rows) * columns + i / rows;
            let expected: Vec<f32> = (0..rows * columns).map(|i| place(i) as f32).collect();
            assert_eq!(transposed(Matrix::new(&values, columns)), expected, "{rows} x {columns}");
        }
    }
}
