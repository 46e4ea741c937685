//! Ports for the ranks of tests.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u16 = 10_000;
const COUNT: u16 = 10_000;

/// A free port, below those that the system hands out by itself: ranks bind it seconds later, and a
/// connection of another test must not have it by then.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Programs of tests that run at the same time begin at different places.
    let first = 20 * (std::process::id() % 500);
    loop {
        let place = (first + NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(place).unwrap_or_default();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
