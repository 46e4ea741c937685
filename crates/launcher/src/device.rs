//! What this build can compute on.

use lockstep_model as model;
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
        "--precision tf32 needs a GPU, and this build has no CUDA; \
         leave it out, or pass --precision f32"
    )]
    Tf32,
    /// A precision of some processors.
    #[error(
        "--precision bf16 needs a processor that multiplies it (AVX512-BF16: AMD since Zen 4, Intel \
         since Cooper Lake), and this one does not; leave it out, or pass --precision f32"
    )]
    Bf16,
}

/// The precision of a model's passes, where this build and this machine have it and the device.
///
/// # Errors
/// What they do not have.
pub(crate) fn check(
    device: DeviceChoice,
    precision: Precision,
) -> Result<model::Precision, DeviceError> {
    match (device, precision) {
        (DeviceChoice::Cuda, _) => Err(DeviceError::Gpu),
        (_, Precision::Tf32) => Err(DeviceError::Tf32),
        (_, Precision::Bf16) => {
            model::Bf16::detect().map(model::Precision::Bf16).ok_or(DeviceError::Bf16)
        }
        (DeviceChoice::Auto | DeviceChoice::Cpu, Precision::F32) => Ok(model::Precision::F32),
    }
}

/// What a process does in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// It trains, together with all others.
    Train,
    /// It trains, and nobody else does.
    TrainAlone,
    /// Another one trains alone.
    Rest,
}

/// What a process in `seat` does where there is no GPU: one process trains, unless several were
/// asked for.
pub(crate) fn duty(device: DeviceChoice, seat: Seat) -> Duty {
    match device {
        DeviceChoice::Cpu => Duty::Train,
        _ if seat.is_leader() => Duty::TrainAlone,
        _ => Duty::Rest,
    }
}
