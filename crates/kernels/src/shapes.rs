//! Checks of what callers hand in, made before any memory is touched.
//!
//! Candle's own messages name an operation and two shapes; these name the argument and the remedy.

use candle_core::{Result, Tensor, bail};

/// The sizes of a matrix that `operation` knows as `name`.
pub(crate) fn matrix(operation: &str, name: &str, tensor: &Tensor) -> Result<(usize, usize)> {
    match tensor.dims() {
        &[rows, columns] if columns > 0 => Ok((rows, columns)),
        &[rows, _] => bail!("{operation}: {name} has {rows} rows, but no columns"),
        dims => bail!("{operation}: {name} must have 2 dimensions, but its shape is {dims:?}"),
    }
}

/// Refuses a tensor that is not a vector of `len` values.
pub(crate) fn vector(operation: &str, name: &str, tensor: &Tensor, len: usize) -> Result<()> {
    if tensor.dims() == [len] {
        return Ok(());
    }
    bail!("{operation}: {name} must have the shape [{len}], but it has {:?}", tensor.dims())
}

/// Refuses two numbers that should be the same; `what` says which, in the order given.
pub(crate) fn equal(operation: &str, what: &str, left: usize, right: usize) -> Result<()> {
    if left == right {
        return Ok(());
    }
    bail!("{operation}: {what} must be equal, but they are {left} and {right}")
}

/// Refuses an index that does not lie below `bound`; `name` says what it counts.
pub(crate) fn all_below(operation: &str, name: &str, values: &[u32], bound: usize) -> Result<()> {
    match values.iter().position(|&value| value as usize >= bound) {
        None => Ok(()),
        Some(place) => bail!(
            "{operation}: {name} {} at place {place} is out of range: there are {bound}",
            values[place]
        ),
    }
}
