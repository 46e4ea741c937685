//! Transposed copies of weights, for the forward of a linear layer.
//!
//! `gemm` reads any strides, but it first packs a factor whose columns are strided, on one thread;
//! where rows are a multiple of 4 KiB apart, their values fall into one cache set and push each
//! other out. A weight of 768 x 3072 took 3.7 ms to pack and takes 0.8 ms to transpose, shared by
//! all threads, after which nothing is packed (Zen 5). Products of many rows gain little, those of
//! a short batch a third.

use super::blocks::filled;

/// Columns of a tile: the values of a cache line.
const COLUMNS: usize = 16;
/// Rows of a tile: lines that one set of the smallest cache holds at once.
const ROWS: usize = 8;

/// The transposed copy of `values`, rows of `columns` values.
pub(crate) fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
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
            assert_eq!(transposed(&values, columns), expected, "{rows} x {columns}");
        }
    }
}
