//! Requests to stop, by a signal or by the end of the launcher, which are handled from the start of the process on.
//!
//! Before the first update there is nothing to save: the process exits at once, also while it waits for
//! peers, a download or data, and the same command starts it again. Later the trainer polls the
//! request, agrees on it with all ranks, and writes a checkpoint.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockstep_collective::WatchHandle;
use lockstep_host::{Environment, ExitCode, ParentLauncher, console, signals, streams};
use lockstep_trainer::StopRequest;

use crate::failure::Failure;

/// How long the failure of a peer, from which a signal may follow, has to become known: a starter
/// that ends all ranks because one failed must not make a 75 of it.
const PEER_REPORTS: Duration = Duration::from_millis(700);

/// How far a process is.
#[derive(Debug)]
enum Stage {
    /// Before the first update, perhaps among others already.
    Before(Option<WatchHandle>),
    /// In the loop, alone or among others.
    Running { has_peers: bool },
}

/// Why a process is to stop.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Signal,
    LauncherEnded,
}

/// Listens for signals that ask for an end, and for the end of the launcher.
#[derive(Clone, Debug)]
pub(super) struct Stops {
    request: StopRequest,
    stage: Arc<Mutex<Stage>>,
}

impl Stops {
    /// Begins to listen; a second SIGTERM or SIGINT ends the process at once.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn listen(environment: &Environment) -> Result<Self, Failure> {
        let pending = signals::catch().map_err(Failure::Signals)?;
        signals::end_on_second().map_err(Failure::Signals)?;
        let request = StopRequest::default();
        let stops = Self { request, stage: Arc::new(Mutex::new(Stage::Before(None))) };
        let listener = stops.clone();
        let launcher = ParentLauncher::of(environment);
        std::thread::spawn(move || {
            let cause = loop {
                if pending.iter().any(signals::Pending::take) {
                    break Cause::Signal;
                }
                if launcher.is_some_and(ParentLauncher::has_ended) {
                    break Cause::LauncherEnded;
                }
                std::thread::sleep(signals::PAUSE);
            };
            listener.on(cause);
        });
        Ok(stops)
    }

    /// From now on there are peers, who are to learn of an end.
    pub(super) fn join(&self, watch: WatchHandle) {
        *self.stage() = Stage::Before(Some(watch));
    }

    /// From now on updates are made, and the trainer polls the request.
    pub(super) fn begin(&self) -> &StopRequest {
        let mut stage = self.stage();
        *stage = Stage::Running { has_peers: matches!(*stage, Stage::Before(Some(_))) };
        &self.request
    }

    /// Whether the end was asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.request.is_asked()
    }

    fn on(&self, cause: Cause) {
        let watch = match &*self.stage() {
            Stage::Before(watch) => watch.clone(),
            Stage::Running { has_peers } => return self.ask(cause, *has_peers),
        };
        self.end(cause, watch);
    }

    /// Asks the trainer for a checkpoint. Of several ranks one may be lost, and then there is none.
    fn ask(&self, cause: Cause, has_peers: bool) {
        self.request.ask();
        let what = match has_peers {
            true => "asking all ranks to finish this update and to write a checkpoint",
            false => "finishing this update and writing a checkpoint",
        };
        let (cause, hint) = (cause.text(), cause.how_to_hurry());
        streams::print_error_line(format_args!("{cause}: {what}{hint}"));
    }

    /// Ends the process, unless the first update begins while it waits for a peer's report.
    fn end(&self, cause: Cause, watch: Option<WatchHandle>) {
        if watch.is_some() {
            std::thread::sleep(PEER_REPORTS);
        }
        let stage = self.stage();
        if matches!(*stage, Stage::Running { .. }) {
            return self.request.ask();
        }
        streams::print_error_line(format_args!(
            "{} before the first update: there is nothing to save; run the same command to start again",
            cause.text()
        ));
        if let Some(watch) = watch {
            watch.fail(&format!("it {}", cause.text()), ExitCode::Stopped.number());
        }
        console::finish();
        signal_hook::low_level::exit(i32::from(ExitCode::Stopped.number()));
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cause {
    fn text(self) -> &'static str {
        match self {
            Self::Signal => "received a stop signal",
            Self::LauncherEnded => "lost its launcher",
        }
    }

    fn how_to_hurry(self) -> &'static str {
        match self {
            Self::Signal => "; a second SIGINT or SIGTERM ends the run at once",
            Self::LauncherEnded => "",
        }
    }
}
