//! From many timings to one figure.

use std::time::Duration;

/// After each turn, so that the other side's threads are asleep: OpenMP's spin a while.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);

/// The middle of the values, the mean of the two in the middle of an even number; 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        len if len % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
