//! What a training lets its ranks compare and note, and when the notes are written.

use std::collections::BTreeMap;

use lockstep_collective::Timeouts;
use lockstep_host::{ExitCode, signals, streams};
use lockstep_join::FlightLog;
use lockstep_settings::{RunPlan, keys, shared};

use crate::failure::Failure;

/// How long a rank may let others wait.
pub(super) fn timeouts(plan: &RunPlan) -> Timeouts {
    Timeouts {
        startup: plan.find(&keys::STARTUP_TIMEOUT).flatten(),
        collective: plan.find(&keys::COLLECTIVE_TIMEOUT).flatten(),
        saving: plan.find(&keys::SAVE_TIMEOUT).flatten(),
    }
}

/// What all ranks of a training must have the same of.
pub(super) fn facts(plan: &RunPlan) -> BTreeMap<String, String> {
    let mut facts = shared(plan);
    facts.insert("version of lockstep".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    facts
}

/// Writes the flight record whenever SIGUSR2 arrives; the run continues.
///
/// # Errors
/// The system's.
pub(super) fn write_on_signal(flight: &FlightLog) -> Result<(), Failure> {
    let pending = signals::catch_record().map_err(Failure::Signals)?;
    let flight = flight.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(signals::PAUSE);
            if pending.take()
                && let Some(path) = flight.write("SIGUSR2")
            {
                streams::print_error_line(format_args!(
                    "received SIGUSR2: wrote the flight record {}; the run continues",
                    path.display()
                ));
            }
        }
    });
    Ok(())
}

/// Writes the flight record of a rank whose run failed by what the ranks did together.
pub(super) fn write_on_failure(flight: &FlightLog, ending: &Result<ExitCode, Failure>) {
    if let Err(failure) = ending
        && [ExitCode::Failed, ExitCode::PeerLost, ExitCode::Bug].contains(&failure.code())
    {
        flight.write(&failure.to_string());
    }
}
