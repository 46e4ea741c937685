//! Signals as flags: whoever has time looks at them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

/// How long whoever waits for a signal sleeps between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// The signals that ask for an orderly end.
pub(crate) const ENDING: [i32; 3] = [SIGTERM, SIGINT, SIGUSR1];

/// A signal that may have arrived.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// Its number.
    pub(crate) signal: i32,
    arrived: Arc<AtomicBool>,
}

impl Pending {
    /// Whether it arrived since the last look.
    pub(crate) fn take(&self) -> bool {
        self.arrived.swap(false, Ordering::SeqCst)
    }
}

/// Catches the signals that ask for an end.
///
/// # Errors
/// The system's.
pub(crate) fn catch() -> io::Result<[Pending; 3]> {
    let pending = ENDING.map(|signal| Pending { signal, arrived: Arc::default() });
    for Pending { signal, arrived } in &pending {
        flag::register(*signal, Arc::clone(arrived))?;
    }
    Ok(pending)
}

/// Lets a second SIGTERM or SIGINT end the process at once, as if nobody had caught it. A second
/// SIGUSR1 does not: schedulers send it to every process they know of, and so perhaps twice.
///
/// # Errors
/// The system's.
pub(crate) fn end_on_second() -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        flag::register_conditional_default(signal, Arc::clone(&asked))?;
        flag::register(signal, Arc::clone(&asked))?;
    }
    Ok(())
}
