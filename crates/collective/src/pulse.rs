//! Whether the thread that waits in a call still looks for its end.
//!
//! A process is one rank, and its calls follow each other, so one counter serves all backends. It tells a
//! rank that waits for others from one that is frozen inside a call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static LOOKS: AtomicU64 = AtomicU64::new(0);

/// How long a wait may last until the next look.
pub(crate) const REST: Duration = Duration::from_millis(400);

/// Notes that a thread looked whether its call can continue.
pub(crate) fn note() {
    LOOKS.fetch_add(1, Ordering::Relaxed);
}

/// How often that was noted.
pub(crate) fn looks() -> u64 {
    LOOKS.load(Ordering::Relaxed)
}
