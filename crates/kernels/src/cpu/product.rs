//! Matrix products on strided memory: in f32 by the `gemm` crate, in bf16 by our own.
//!
//! The crate reaches the speed of vendor libraries, picks its instructions when the program runs, and adds
//! to what the target holds if told so: no operand is ever copied or transposed beforehand. How it
//! cuts the sums depends on the shapes alone, so threads do not change the result (tested below).

use gemm::Parallelism;

use super::matrix::{Matrix, Tile};
use super::operands::{Held, Product, Workers};
use crate::Precision;

impl<'a> Product<'a> {
    /// `left · right` by all threads.
    pub(crate) fn of(left: Matrix<'a>, right: Matrix<'a>, precision: Precision) -> Self {
        Self { left, right, scale: 1.0, workers: Workers::All, precision }
    }

    /// The product in memory of its own, row after row.
    pub(crate) fn values(self) -> Vec<f32> {
        let (len, columns) = (self.left.rows * self.right.columns, self.right.columns);
        let mut values = Vec::with_capacity(len);
        self.store(&mut Tile::unwritten(&mut values.spare_capacity_mut()[..len], columns));
        // SAFETY: the capacity is at least `len`, and `store` wrote each value of the tile.
        #[expect(unsafe_code, reason = "a product overwrites memory that was not cleared")]
        unsafe {
            values.set_len(len);
        }
        values
    }

    /// Overwrites `target` with the product.
    pub(crate) fn store(self, target: &mut Tile) {
        self.multiply(target, Held::Replaced);
    }

    /// Adds the product to `target`.
    pub(crate) fn add_to(self, target: &mut Tile) {
        self.multiply(target, Held::Kept);
    }

    fn multiply(self, target: &mut Tile, held: Held) {
        let Self { left, right, scale, workers, precision } = self;
        if let Precision::Bf16(bf16) = precision {
            return bf16.multiply(self, target, held);
        }
        assert_eq!((left.rows, right.columns), (target.rows, target.columns));
        assert_eq!(left.columns, right.rows);
        let parallelism = match workers {
            Workers::One => Parallelism::None,
            Workers::All => Parallelism::Rayon(0),
        };
        // SAFETY: each operand's rows, columns and strides stay inside the memory it borrows; the
        // sizes fit each other; the target is borrowed exclusively, so it overlaps no factor.
        #[expect(unsafe_code, reason = "gemm takes addresses and strides")]
        unsafe {
            gemm::gemm(
                target.rows,
                target.columns,
                left.columns,
                target.start(),
                1,
                target.row_stride.cast_signed(),
                matches!(held, Held::Kept),
                left.start(),
                left.column_stride.cast_signed(),
                left.row_stride.cast_signed(),
                right.start(),
                right.column_stride.cast_signed(),
                right.row_stride.cast_signed(),
                1.0,
                scale,
                false,
                false,
                false,
                parallelism,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values in [-1, 1) without a pattern.
    fn noise(len: usize) -> Vec<f32> {
        let bits = (0..).take(len).map(|i: u32| i.wrapping_mul(0x9E37_79B9) >> 8);
        bits.map(|bits| bits as f32 / 8_388_608.0 - 1.0).collect()
    }

    fn product(rows: usize, inner: usize, columns: usize) -> Vec<f32> {
        let (left, right) = (noise(rows * inner), noise(columns * inner));
        let mut target = vec![0.5; rows * columns];
        Product {
            left: Matrix::new(&left, inner),
            right: Matrix::new(&right, inner).transposed(),
            scale: 2.0,
            workers: Workers::All,
            precision: Precision::F32,
        }
        .add_to(&mut Tile::new(&mut target, columns));
        target
    }

    #[test]
    fn products_add_to_their_target() {
        fn check((rows, inner, columns): (usize, usize, usize)) {
            let (left, right) = (noise(rows * inner), noise(columns * inner));
            for (i, got) in product(rows, inner, columns).into_iter().enumerate() {
                let (row, column) = (i / columns, i % columns);
                let pairs = (0..inner).map(|k| (left[row * inner + k], right[column * inner + k]));
                let sum: f64 = pairs.map(|(x, y)| f64::from(x) * f64::from(y)).sum();
                let expected = 0.5 + 2.0 * sum;
                let close = (f64::from(got) - expected).abs() < 1e-4;
                assert!(close, "({row}, {column}): expected {expected}, got {got}");
            }
        }
        let shapes = [(1, 1, 1), (3, 7, 5), (1, 64, 33), (33, 64, 1), (70, 130, 65)];
        shapes.into_iter().for_each(check);
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        fn check((rows, inner, columns): (usize, usize, usize)) {
            let bits = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| product(rows, inner, columns)).iter().map(|x| x.to_bits()).collect()
            };
            let one: Vec<u32> = bits(1);
            for threads in [2, 3, 5] {
                assert!(one == bits(threads), "{rows} x {inner} x {columns}, {threads} threads");
            }
        }
        let shapes = [(399, 768, 768), (399, 768, 3072), (400, 3072, 768), (768, 399, 768)];
        shapes.into_iter().for_each(check);
        let odd = [(1, 768, 768), (16, 768, 2), (2048, 768, 100), (257, 65, 129), (1030, 2050, 70)];
        odd.into_iter().for_each(check);
    }
}
