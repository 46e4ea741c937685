//! Memory for packed factors, kept by each thread from product to product.
//!
//! Fresh memory would be cleared and mapped page by page at each call, which takes longer than
//! packing does.

use std::cell::Cell;
use std::thread::LocalKey;

/// One line of the cache: 16 pairs of bf16.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([u32; 16]);

/// How many pairs a line holds.
pub(super) const PAIRS: usize = 16;

thread_local! {
    /// Packed left factors.
    pub(super) static LEFT: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
    /// Packed right factors.
    pub(super) static RIGHT: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Lends `len` lines of this thread, with anything in them.
///
/// A thread that takes up other work while it waits may come here again; it then gets memory of
/// its own, since what is lent is taken out of its place.
pub(super) fn lend<R>(
    place: &'static LocalKey<Cell<Vec<Line>>>,
    len: usize,
    work: impl FnOnce(&mut [Line]) -> R,
) -> R {
    let mut lines = place.take();
    if lines.len() < len {
        lines.resize(len, Line([0; PAIRS]));
    }
    let result = work(&mut lines[..len]);
    place.set(lines);
    result
}
