//! How much memory what a file claims may take.

/// The largest ratio of values to their compressed bytes that is taken for honest…
const MOST_EXPANSION: u64 = 256;
/// …beyond this many bytes, which any part of a file may need.
pub(crate) const ALWAYS_ALLOWED: u64 = 256 << 20;

/// Bytes of values that so many bytes of a file may stand for.
pub(crate) fn allowed(bytes: u64) -> u64 {
    ALWAYS_ALLOWED.saturating_add(MOST_EXPANSION.saturating_mul(bytes))
}

/// Rows that so many bytes of a file may stand for: more than equal rows need that are counted and not
/// repeated.
pub(crate) fn allowed_rows(bytes: u64) -> u64 {
    const ALWAYS: u64 = 1 << 24;
    const OF_A_BYTE: u64 = 1 << 12;
    OF_A_BYTE.saturating_mul(bytes).saturating_add(ALWAYS)
}
