//! What a process computes on.

use lockstep_gpu::{self as gpu, GpuError};
use lockstep_host::gpus::{self, Gpu};
use lockstep_host::{
    Computes, DecisionError, DeviceChoice, Environment, PrecisionChoice, host_name,
};
use lockstep_kernels::{self as kernels, Bf16};
use lockstep_world::Seat;

use crate::{JoinError, PlaceError};

/// The device of a process, and what to call it.
#[derive(Clone, Debug)]
pub struct Place {
    /// For the tensor library.
    pub device: candle_core::Device,
    /// For people.
    pub name: String,
}

impl Place {
    /// Where a process that is alone computes: on the first GPU it sees, if that is asked for, or
    /// nothing is.
    ///
    /// # Errors
    /// [`PlaceError`], or a driver that does not answer.
    pub fn alone(device: DeviceChoice, environment: &Environment) -> Result<Self, JoinError> {
        check(device, PrecisionChoice::F32)?;
        let gpus = visible(device, environment)?;
        match (gpus.first(), device) {
            (Some(gpu), _) => Ok(Self::gpu(0, gpu)?),
            (None, DeviceChoice::Cuda) => {
                Err(DecisionError::None { hosts: vec![host_name()] }.into())
            }
            (None, _) => Ok(Self::cpu()),
        }
    }

    /// The CPU.
    #[must_use]
    pub fn cpu() -> Self {
        Self { device: candle_core::Device::Cpu, name: "CPU".to_owned() }
    }

    /// The GPU number `ordinal` of those this process sees.
    ///
    /// # Errors
    /// [`PlaceError::Gpu`].
    pub fn gpu(ordinal: usize, gpu: &Gpu) -> Result<Self, PlaceError> {
        Ok(Self { device: gpu::open(ordinal)?, name: gpu.name.clone() })
    }

    /// A precision, where this device has it.
    ///
    /// # Errors
    /// [`PlaceError::Tf32`] and [`PlaceError::Bf16`].
    pub fn precision(&self, wanted: PrecisionChoice) -> Result<kernels::Precision, PlaceError> {
        match (wanted, self.device.is_cpu()) {
            (PrecisionChoice::F32, _) => Ok(kernels::Precision::F32),
            (PrecisionChoice::Tf32, true) => Err(PlaceError::Tf32),
            (PrecisionChoice::Tf32, false) => {
                gpu::multiply_in_tf32();
                Ok(kernels::Precision::F32)
            }
            (PrecisionChoice::Bf16, true) => {
                Bf16::detect().map(kernels::Precision::Bf16).ok_or(PlaceError::Bf16)
            }
            (PrecisionChoice::Bf16, false) => Ok(kernels::Precision::PlainBf16),
        }
    }
}

/// What can be refused before anybody is met: what this build or this processor lacks for certain.
///
/// # Errors
/// [`PlaceError`].
pub fn check(device: DeviceChoice, precision: PrecisionChoice) -> Result<(), PlaceError> {
    match device {
        DeviceChoice::Cuda if gpu::IS_BUILT_IN => Ok(()),
        DeviceChoice::Cuda => Err(GpuError::NotBuiltIn.into()),
        DeviceChoice::Auto if gpu::IS_BUILT_IN => Ok(()),
        DeviceChoice::Auto | DeviceChoice::Cpu => Place::cpu().precision(precision).map(drop),
    }
}

/// The GPUs that matter: those this process sees, in a build that can use them and a run that may.
///
/// # Errors
/// A driver that does not answer.
pub fn visible(
    device: DeviceChoice,
    environment: &Environment,
) -> Result<Vec<Gpu>, gpus::DriverError> {
    if gpu::IS_BUILT_IN && device != DeviceChoice::Cpu {
        gpus::visible(environment)
    } else {
        Ok(Vec::new())
    }
}

/// The name of what a process that is alone would compute on, without opening it.
///
/// # Errors
/// A driver that does not answer.
pub fn expected(
    device: DeviceChoice,
    environment: &Environment,
) -> Result<String, gpus::DriverError> {
    let gpu = visible(device, environment)?.into_iter().next();
    Ok(gpu.map_or_else(|| Place::cpu().name, |gpu| gpu.name))
}

/// What a process does, where it can tell without the others: where the build knows no GPU, one
/// process trains, unless several were asked for.
#[must_use]
pub fn alone(device: DeviceChoice, seat: Seat) -> Option<Computes> {
    match device {
        DeviceChoice::Auto if gpu::IS_BUILT_IN => None,
        DeviceChoice::Auto if seat.is_leader() => Some(Computes::Alone),
        DeviceChoice::Auto => Some(Computes::Nothing),
        DeviceChoice::Cpu | DeviceChoice::Cuda => None,
    }
}
