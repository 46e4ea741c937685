//! Signals as flags, which programs poll.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;

/// How long a program sleeps between two polls.
pub const PAUSE: Duration = Duration::from_millis(20);

/// The signals that ask for an orderly end.
pub const ENDING: [i32; 4] = [SIGTERM, SIGINT, SIGUSR1, SIGHUP];

/// A signal that may have arrived.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Its number.
    pub signal: i32,
    arrived: Arc<AtomicBool>,
}

impl Pending {
    /// Whether it arrived since the last look.
    pub fn take(&self) -> bool {
        self.arrived.swap(false, Ordering::SeqCst)
    }
}

/// Catches the signals that ask for an end; not SIGHUP where `nohup` has it ignored.
///
/// # Errors
/// The system's.
pub fn catch() -> io::Result<Vec<Pending>> {
    let wanted = ENDING.into_iter().filter(|signal| *signal != SIGHUP || !is_ignored(SIGHUP));
    let pending: Vec<Pending> =
        wanted.map(|signal| Pending { signal, arrived: Arc::default() }).collect();
    for Pending { signal, arrived } in &pending {
        flag::register(*signal, Arc::clone(arrived))?;
    }
    Ok(pending)
}

/// Lets a write beyond the limit on the size of files (`ulimit -f`) fail instead of ending the process.
///
/// # Errors
/// The system's.
pub fn survive_file_limit() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Catches SIGUSR2, which asks for a record of what the program does; the program continues.
///
/// # Errors
/// The system's.
pub fn catch_record() -> io::Result<Pending> {
    let pending = Pending { signal: SIGUSR2, arrived: Arc::default() };
    flag::register(SIGUSR2, Arc::clone(&pending.arrived))?;
    Ok(pending)
}

/// Whether the parent process had a signal ignored.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// Lets a second SIGTERM or SIGINT end the process at once, as if it were not caught. A second
/// SIGUSR1 or SIGHUP does not: schedulers send the one to every process they know of, shell and
/// kernel both send the other when a terminal closes, and so perhaps twice.
///
/// # Errors
/// The system's.
pub fn end_on_second() -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        flag::register_conditional_default(signal, Arc::clone(&asked))?;
        flag::register(signal, Arc::clone(&asked))?;
    }
    Ok(())
}
