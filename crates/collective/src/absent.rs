//! The ranks that did not come, in words.

/// Those of the ranks below `size` that `is_there` does not know; rank 0 is the one that waits.
pub(crate) fn absent(size: usize, is_there: impl Fn(usize) -> bool) -> String {
    let absent: Vec<_> = (1..size).filter(|rank| !is_there(*rank)).map(|r| r.to_string()).collect();
    format!("rank {} never connected", absent.join(", "))
}
