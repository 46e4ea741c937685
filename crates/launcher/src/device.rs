//! What this build can compute on.

use lockstep_world::Seat;
use thiserror::Error;

use crate::config::{DeviceChoice, Precision};

/// What this build computes on, for people.
pub(crate) const NAME: &str = "CPU";

/// Something that was asked for and is not in this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum DeviceError {
    /// A GPU.
    #[error(
        "this build has no CUDA, and a build that has it is not there yet; \
         leave --device out, or pass --device cpu, to train on the CPU"
    )]
    Gpu,
    /// A precision of GPUs.
    #[error(
        "--precision {0} needs a GPU, and this build has no CUDA; \
         leave it out, or pass --precision f32"
    )]
    Precision(&'static str),
    /// Several processes on CPUs.
    #[error(
        "this is {0}, and this build does not have data-parallel training on CPUs yet; \
         start one process, or leave --device out: then rank 0 trains and the others end"
    )]
    Ranks(Seat),
    /// Several processes from the launcher.
    #[error(
        "this build trains in one CPU process: pass {flag} 1, or leave it out; \
         several processes are not there yet"
    )]
    Processes {
        /// The flag that asked for more.
        flag: &'static str,
    },
}

/// Whether this build has the device and the precision.
///
/// # Errors
/// What it does not have.
pub(crate) fn check(device: DeviceChoice, precision: Precision) -> Result<(), DeviceError> {
    match (device, precision) {
        (DeviceChoice::Cuda, _) => Err(DeviceError::Gpu),
        (_, Precision::Tf32) => Err(DeviceError::Precision("tf32")),
        (_, Precision::Bf16) => Err(DeviceError::Precision("bf16")),
        (DeviceChoice::Auto | DeviceChoice::Cpu, Precision::F32) => Ok(()),
    }
}

/// Whether a process in this seat trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// It does.
    Train,
    /// Another one does.
    Rest,
}

/// What a process in `seat` does where there is no GPU: one process trains, unless several were
/// asked for, which this build cannot do.
///
/// # Errors
/// [`DeviceError::Ranks`].
pub(crate) fn duty(device: DeviceChoice, seat: Seat) -> Result<Duty, DeviceError> {
    match device {
        DeviceChoice::Cpu if seat.world().get() > 1 => Err(DeviceError::Ranks(seat)),
        _ if seat.is_leader() => Ok(Duty::Train),
        _ => Ok(Duty::Rest),
    }
}
