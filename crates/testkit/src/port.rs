//! Ports for the ranks of tests.

/// A free port for ranks that are yet to start.
///
/// # Panics
/// Where this machine has none.
#[must_use]
#[expect(clippy::expect_used, reason = "a test cannot run without")]
pub fn free_port() -> u16 {
    lockstep_host::free_port().expect("a free port")
}
