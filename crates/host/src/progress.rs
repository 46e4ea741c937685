//! A progress bar where both standard streams are terminals. Pipes, files and logs get plain lines only.
//!
//! It is drawn on the standard error, as by tqdm: the main thread holds the lock of the standard output,
//! and the thread that moves the bar would wait for it for ever.
//!
//! There is one bar at a time. Lines go above it: all writers of lines call [`above`].

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{Environment, own_seat};

static IS_ALLOWED: AtomicBool = AtomicBool::new(false);
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// How often a bar moves while its work reports nothing.
const TICK: Duration = Duration::from_millis(250);

/// Allows bars from now on, if both streams are terminals that can move their cursor.
pub fn allow(environment: &Environment) {
    let are_terminals = io::stdout().is_terminal() && io::stderr().is_terminal();
    IS_ALLOWED.store(!environment.has_dumb_terminal() && are_terminals, Ordering::Relaxed);
}

/// Allows no bars from now on.
pub fn forbid() {
    IS_ALLOWED.store(false, Ordering::Relaxed);
}

/// Whether this process shows bars. The leader shows them alone.
pub(crate) fn are_shown() -> bool {
    IS_ALLOWED.load(Ordering::Relaxed) && own_seat::other_than_leader().is_none()
}

/// A bar, which is removed when this is dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar of `length` steps, such as `tokenising [####----] 40/100 texts`. The leader shows it alone.
    #[must_use]
    pub fn of(what: &str, length: u64, unit: &'static str) -> Self {
        let style =
            ProgressStyle::with_template("{msg} [{bar:30}] {human_pos}/{human_len} {prefix}");
        Self::show(ProgressBar::new(length).with_prefix(unit), what, style.ok())
    }

    /// A bar of bytes.
    #[must_use]
    pub fn of_bytes(what: &str, length: u64) -> Self {
        let style = ProgressStyle::with_template(
            "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
        );
        Self::show(ProgressBar::new(length), what, style.ok())
    }

    /// A sign of life for work of unknown length.
    #[must_use]
    pub fn spinner(what: &str) -> Self {
        Self::show(ProgressBar::new_spinner(), what, None)
    }

    fn show(bar: ProgressBar, what: &str, style: Option<ProgressStyle>) -> Self {
        if !are_shown() {
            return Self(ProgressBar::hidden());
        }
        let bar = bar.with_message(what.to_owned());
        let bar = match style {
            Some(style) => bar.with_style(style.progress_chars("##-")),
            None => bar,
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.tick();
        bar.enable_steady_tick(TICK);
        *shown() = Some(bar.clone());
        Self(bar)
    }

    /// Whether nothing is shown, so that plain lines are needed.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.0.is_hidden()
    }

    /// Sets the number of steps that are done.
    pub fn set(&self, position: u64) {
        self.0.set_position(position);
    }

    /// One more step is done.
    pub fn advance(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.0.is_hidden() {
            self.0.finish_and_clear();
            *shown() = None;
        }
    }
}

/// Writes lines above the bar, if there is one.
pub fn above<T>(write: impl FnOnce() -> T) -> T {
    let bar = shown().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
