//! A request to end a run in an orderly way, from a signal handler for example.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Once asked, the run finishes its update, writes a checkpoint and ends. Clones share the request.
#[derive(Clone, Debug, Default)]
pub struct StopRequest(Arc<AtomicBool>);

impl StopRequest {
    /// Asks for the end.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
