//! What is asked of a matrix product, whichever way multiplies.

use super::matrix::Matrix;
use super::precision::Precision;

/// `scale · left · right`, not yet computed.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(crate) left: Matrix<'a>,
    pub(crate) right: Matrix<'a>,
    pub(crate) scale: f32,
    pub(crate) workers: Workers,
    pub(crate) precision: Precision,
}

/// Who works on a product.
#[derive(Clone, Copy)]
pub(crate) enum Workers {
    /// This thread: for one of many small products.
    One,
    /// All threads of the pool.
    All,
}

/// What becomes of the values that the target holds.
#[derive(Clone, Copy)]
pub(crate) enum Held {
    Replaced,
    Kept,
}
