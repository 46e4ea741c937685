//! How a training finds the other ranks, and what they are to know of its end.

use std::collections::BTreeMap;
use std::time::Duration;

use lockstep_collective::WatchHandle;
use lockstep_gpu::IS_BUILT_IN;
use lockstep_host::{Computes, Environment, ExitCode, Process, Unused, Wish};
use lockstep_join::{FlightLog, JoinError, JoinOptions, ProcessGroup, Starter, device};
use lockstep_settings::RunPlan;
use lockstep_trainer::TrainError;

use super::flight;
use crate::failure::Failure;

/// How long a rank whose failure follows from another's lets that one end first.
pub(super) const OTHERS_END: Duration = Duration::from_secs(2);

/// Reports a failure to the peers; a failure that follows from another rank's waits, so that the
/// other rank reports first.
pub(super) fn notify_peers(ending: &Result<ExitCode, Failure>, watch: &WatchHandle) {
    match ending {
        // The leader reports the cause, and its exit code must come first.
        Err(Failure::Train(error)) if matches!(**error, TrainError::Leader { .. }) => {
            std::thread::sleep(OTHERS_END);
        }
        // The lost neighbour may itself have lost another rank, which only the watch can name.
        Err(failure) if failure.code() == ExitCode::PeerLost => {
            std::thread::sleep(OTHERS_END);
            watch.fail(&failure.to_string(), failure.code().number());
        }
        Err(failure) => watch.fail(&failure.to_string(), failure.code().number()),
        Ok(_) => {}
    }
}

/// How the ranks of a plan find each other.
pub(super) fn join_options<'a>(
    process: &'a Process,
    plan: &RunPlan,
    facts: &'a BTreeMap<String, String>,
    flight: &'a FlightLog,
) -> JoinOptions<'a> {
    JoinOptions {
        environment: &process.environment,
        patience: plan.run.peer_timeout,
        timeouts: flight::timeouts(plan),
        facts,
        flight,
    }
}

/// The process group that this process trains in; nothing where another rank trains alone.
pub(super) fn join(
    starter: &Starter,
    wish: Wish,
    options: &JoinOptions<'_>,
) -> Result<Option<ProcessGroup>, JoinError> {
    match device::alone(wish.device, starter.seat()) {
        Some(Computes::Nothing) => Ok(None),
        Some(_) => {
            warn_of_unused(options.environment);
            ProcessGroup::join(&Starter::Single, wish, options)
        }
        None => ProcessGroup::join(starter, wish, options),
    }
}

fn warn_of_unused(environment: &Environment) {
    let unused = Unused::here(environment, IS_BUILT_IN);
    if let Unused::NoCuda(_) = unused {
        tracing::warn!("{unused}, so training runs on the CPU");
    }
}
