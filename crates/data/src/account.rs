//! Bad rows as the last lines of a message.

use lockstep_world::counted;

use crate::bad_row::BadRows;
use crate::excerpt::listing;

/// The rows that were dropped, if there are some.
pub(crate) fn dropped(skipped: &BadRows) -> String {
    if skipped.is_empty() {
        String::new()
    } else {
        format!("\n  skipped {}: {skipped}", counted(skipped.total(), "row"))
    }
}

/// The first bad rows, the count of each kind, and the labels that would have been known.
pub(crate) fn account(bad: &BadRows, known: &[String]) -> String {
    let mut lines: Vec<String> =
        bad.first().iter().map(|row| format!("\n  {}: {}", bad.words(row), row.kind)).collect();
    let shown = lines.len() as u64;
    if bad.total() > shown {
        lines.push(format!("\n  … and {} more; in total: {bad}", bad.total() - shown));
    }
    if !known.is_empty() {
        lines.push(format!("\n  known labels: {}", listing(known)));
    }
    lines.concat()
}
