//! Matrices that lie somewhere inside a slice, without copies.
//!
//! A head of the attention is a range of columns of a range of rows; a transposed weight is the
//! same memory with its strides swapped. [`Matrix`] reads; [`Tile`] writes, and several tiles of
//! one slice may be written at once because they can only be cut disjoint.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

use crate::Segments;

/// A matrix to read: element (i, j) is `values[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    // Starts with element (0, 0) and reaches at least to the last one.
    values: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// All rows of `columns` values each.
    pub(crate) fn new(values: &'a [f32], columns: usize) -> Self {
        let rows = values.len() / columns;
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The same memory with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// A range of rows and columns.
    pub(crate) fn part(self, rows: &Range<usize>, columns: &Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?}");
        assert!(columns.start <= columns.end && columns.end <= self.columns, "{columns:?}");
        let start = rows.start * self.row_stride + columns.start * self.column_stride;
        // An empty part may start past the end; it has no values.
        let values = self.values.get(start..).unwrap_or_default();
        Self { values, rows: rows.len(), columns: columns.len(), ..self }
    }

    /// Row `i` of a matrix whose columns lie side by side.
    pub(crate) fn row(&self, i: usize) -> &'a [f32] {
        debug_assert_eq!(self.column_stride, 1);
        &self.values[i * self.row_stride..][..self.columns]
    }

    /// All values of a matrix whose rows follow each other.
    pub(crate) fn values(&self) -> &'a [f32] {
        debug_assert_eq!((self.row_stride, self.column_stride), (self.columns, 1));
        &self.values[..self.rows * self.columns]
    }

    /// The address of element (0, 0).
    pub(crate) fn start(&self) -> *const f32 {
        self.values.as_ptr()
    }
}

/// A rectangle of a row-major matrix, to write; columns lie side by side.
pub(crate) struct Tile<'a> {
    start: *mut f32,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    owner: PhantomData<&'a mut [f32]>,
}

// SAFETY: a tile is an exclusive borrow of its rectangle, as `&mut [f32]` is of its range.
#[expect(unsafe_code, reason = "a tile holds a pointer because a slice cannot skip columns")]
unsafe impl Send for Tile<'_> {}

impl<'a> Tile<'a> {
    /// All rows of `columns` values each.
    pub(crate) fn new(values: &'a mut [f32], columns: usize) -> Self {
        let rows = values.len() / columns;
        let start = values.as_mut_ptr();
        Self { start, rows, columns, row_stride: columns, owner: PhantomData }
    }

    /// All rows of `columns` values each of memory that holds nothing yet; it must be overwritten
    /// before anybody reads it.
    pub(crate) fn unwritten(values: &'a mut [MaybeUninit<f32>], columns: usize) -> Self {
        let rows = values.len() / columns;
        let start = values.as_mut_ptr().cast();
        Self { start, rows, columns, row_stride: columns, owner: PhantomData }
    }

    /// One tile for each segment of rows and each of `heads` equal ranges of columns, the heads of
    /// a segment in turn.
    pub(crate) fn heads(self, segments: &Segments, heads: usize) -> Vec<Self> {
        assert!(segments.total() <= self.rows && self.columns.is_multiple_of(heads));
        let width = self.columns / heads;
        let mut tiles = Vec::with_capacity(segments.len() * heads);
        for rows in segments.iter() {
            for head in 0..heads {
                // Segments do not overlap, heads do not either, and `self` is given up for them.
                tiles.push(self.cut(&rows, &(head * width..(head + 1) * width)));
            }
        }
        tiles
    }

    /// A range of rows and columns; `self` cannot be written meanwhile.
    pub(crate) fn part(&mut self, rows: &Range<usize>, columns: &Range<usize>) -> Tile<'_> {
        self.cut(rows, columns)
    }

    /// The address of element (0, 0).
    pub(crate) fn start(&mut self) -> *mut f32 {
        self.start
    }

    // The caller gives each cut away only once, or borrows `self` for as long as the cut lives.
    fn cut(&self, rows: &Range<usize>, columns: &Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?}");
        assert!(columns.start <= columns.end && columns.end <= self.columns, "{columns:?}");
        // An empty part keeps the start, since its own may lie past the end of the memory.
        let empty = rows.is_empty() || columns.is_empty();
        let offset = if empty { 0 } else { rows.start * self.row_stride + columns.start };
        // SAFETY: the ranges lie inside the rectangle, so the sum stays inside its memory.
        #[expect(unsafe_code, reason = "the offset stays inside the borrowed rectangle")]
        let start = unsafe { self.start.add(offset) };
        Self { start, rows: rows.len(), columns: columns.len(), ..*self }
    }
}
