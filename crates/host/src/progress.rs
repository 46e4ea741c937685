//! A progress bar where both standard streams are terminals. Pipes, files and logs get plain lines only.
//!
//! It is drawn on the standard error, as by tqdm: the main thread holds the lock of the standard output,
//! and the thread that moves the bar would wait for it for ever.
//!
//! There is one bar at a time. Lines go above it: all writers of lines call [`above`].

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::{Environment, own_seat};

static IS_ALLOWED: AtomicBool = AtomicBool::new(false);
/// The same where the standard output is not a terminal.
static IS_ALLOWED_ALONE: AtomicBool = AtomicBool::new(false);
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// How often a bar moves while its work reports nothing.
const TICK: Duration = Duration::from_millis(250);

/// Allows bars from now on, if both streams are terminals that can move their cursor.
pub fn allow(environment: &Environment) {
    let can_move = !environment.has_dumb_terminal() && io::stderr().is_terminal();
    let is_shown = io::stdout().is_terminal();
    IS_ALLOWED.store(can_move && is_shown, Ordering::Relaxed);
    IS_ALLOWED_ALONE.store(can_move && !is_shown, Ordering::Relaxed);
}

/// Allows no bars from now on.
pub(crate) fn forbid() {
    IS_ALLOWED.store(false, Ordering::Relaxed);
    IS_ALLOWED_ALONE.store(false, Ordering::Relaxed);
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

    /// How many of a stream are done, and how fast, such as `classifying 1,200 texts, 300/s`. It is shown
    /// where `is_result_elsewhere`, or the standard output, which has the results, is not a terminal.
    #[must_use]
    pub fn count(what: &str, unit: &'static str, is_result_elsewhere: bool) -> Self {
        let style = ProgressStyle::with_template("{msg} {human_pos} {prefix}, {per_sec}");
        let style = style.map(|style| {
            style.with_key("per_sec", |state: &ProgressState, out: &mut dyn fmt::Write| {
                let _ = write!(out, "{:.0}/s", state.per_sec());
            })
        });
        let is_alone = IS_ALLOWED_ALONE.load(Ordering::Relaxed);
        match is_alone || is_result_elsewhere && IS_ALLOWED.load(Ordering::Relaxed) {
            true => Self::shown(ProgressBar::new_spinner().with_prefix(unit), what, style.ok()),
            false => Self(ProgressBar::hidden()),
        }
    }

    fn show(bar: ProgressBar, what: &str, style: Option<ProgressStyle>) -> Self {
        match are_shown() {
            true => Self::shown(bar, what, style),
            false => Self(ProgressBar::hidden()),
        }
    }

    fn shown(bar: ProgressBar, what: &str, style: Option<ProgressStyle>) -> Self {
        let bar = bar.with_message(what.to_owned());
        let bar = match style {
            Some(style) => bar.with_style(style.progress_chars("##-")),
            None => bar,
        };
        // A line that is being written must end before the bar begins.
        let mut place = shown();
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.tick();
        bar.enable_steady_tick(TICK);
        *place = Some(bar.clone());
        drop(place);
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
    let place = shown();
    match place.clone() {
        Some(bar) => {
            drop(place);
            bar.suspend(write)
        }
        // No bar begins meanwhile.
        None => write(),
    }
}

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
