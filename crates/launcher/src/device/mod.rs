//! What a run computes on: which processes take part, and on which device each.

mod decision;

use std::fmt;

use lockstep_model::gpu::{self, GpuError};
use lockstep_model::{self as model, Bf16};
use lockstep_world::Seat;
use thiserror::Error;

use crate::config::{DeviceChoice, Precision};
use crate::failure::Failure;
use crate::gpus::{self, Gpu};
use crate::process::Environment;
use crate::world::host;
pub(crate) use decision::{Computes, Equipment, decide, hosts};

/// What is asked of the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Where to compute.
    pub(crate) device: DeviceChoice,
    /// Whether ranks may have one GPU together.
    pub(crate) sharing: Sharing,
}

/// Whether ranks may have one GPU together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Each has one of its own.
    Refused,
    /// They may: for tests, since they slow each other down.
    Allowed,
}

/// Something that was asked for and cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum DeviceError {
    /// A GPU that cannot be opened, or a build that opens none.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// Some ranks see a GPU, and others do not.
    #[error(
        "{} no GPU, but {} some: replicas on CPUs would hold all others up; leave the former out, see \
         why they show none (`trainer doctor`), or pass --device cpu",
        see(without),
        see(with)
    )]
    Mixed {
        /// The machines of the former.
        without: Vec<String>,
        /// The machines of the latter.
        with: Vec<String>,
    },
    /// A GPU was asked for.
    #[error(
        "--device cuda needs a GPU, and {} none: see `nvidia-smi`, CUDA_VISIBLE_DEVICES, and what the \
         job asked for; or pass --device cpu",
        see(hosts)
    )]
    None {
        /// The machines without.
        hosts: Vec<String>,
    },
    /// Several ranks would compute on one GPU.
    #[error(
        "ranks {} on {host} would share {gpu}: start one rank for each of the {gpus} GPUs that they \
         see there, or pass --allow-gpu-sharing, which is slow",
        numbers(ranks)
    )]
    Shared {
        /// The ranks.
        ranks: Vec<usize>,
        /// Their machine.
        host: String,
        /// The GPU's name and UUID.
        gpu: String,
        /// How many GPUs the first of them sees.
        gpus: usize,
    },
    /// A precision of GPUs.
    #[error(
        "--precision tf32 needs a GPU, and this run computes on the CPU; \
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

impl DeviceError {
    /// Whether all ranks found it together, so that one of them can tell it for all.
    pub(crate) fn is_common(&self) -> bool {
        matches!(self, Self::Mixed { .. } | Self::None { .. } | Self::Shared { .. })
    }
}

fn see(hosts: &[String]) -> String {
    let verb = if hosts.len() == 1 { "shows" } else { "show" };
    format!("{} {verb}", hosts.join(", "))
}

fn numbers(ranks: &[usize]) -> String {
    ranks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// The device of a process, and what to call it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// For the tensor library.
    pub(crate) device: candle_core::Device,
    /// For people.
    pub(crate) name: String,
}

impl Place {
    /// Where a process that is alone computes: on the first GPU it sees, if that is asked for, or
    /// nothing is.
    ///
    /// # Errors
    /// [`DeviceError`], or a driver that does not answer.
    pub(crate) fn alone(device: DeviceChoice, environment: &Environment) -> Result<Self, Failure> {
        check(device, Precision::F32)?;
        let gpus = visible(device, environment)?;
        match (gpus.first(), device) {
            (Some(gpu), _) => Ok(Self::gpu(0, gpu)?),
            (None, DeviceChoice::Cuda) => Err(DeviceError::None { hosts: vec![host()] }.into()),
            (None, _) => Ok(Self::cpu()),
        }
    }

    /// The CPU.
    pub(crate) fn cpu() -> Self {
        Self { device: candle_core::Device::Cpu, name: "CPU".to_owned() }
    }

    /// The GPU number `ordinal` of those this process sees.
    ///
    /// # Errors
    /// [`DeviceError::Gpu`].
    pub(crate) fn gpu(ordinal: usize, gpu: &Gpu) -> Result<Self, DeviceError> {
        Ok(Self { device: gpu::open(ordinal)?, name: gpu.name.clone() })
    }

    /// A precision, where this device has it.
    ///
    /// # Errors
    /// [`DeviceError::Tf32`] and [`DeviceError::Bf16`].
    pub(crate) fn precision(&self, wanted: Precision) -> Result<model::Precision, DeviceError> {
        match (wanted, self.device.is_cpu()) {
            (Precision::F32, _) => Ok(model::Precision::F32),
            (Precision::Tf32, true) => Err(DeviceError::Tf32),
            (Precision::Tf32, false) => {
                gpu::multiply_in_tf32();
                Ok(model::Precision::F32)
            }
            (Precision::Bf16, true) => {
                Bf16::detect().map(model::Precision::Bf16).ok_or(DeviceError::Bf16)
            }
            (Precision::Bf16, false) => Ok(model::Precision::PlainBf16),
        }
    }
}

/// What can be refused before anybody is met: what this build or this processor lacks for certain.
///
/// # Errors
/// [`DeviceError`].
pub(crate) fn check(device: DeviceChoice, precision: Precision) -> Result<(), DeviceError> {
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
pub(crate) fn visible(
    device: DeviceChoice,
    environment: &Environment,
) -> Result<Vec<Gpu>, gpus::GpuError> {
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
pub(crate) fn expected(
    device: DeviceChoice,
    environment: &Environment,
) -> Result<String, gpus::GpuError> {
    let gpu = visible(device, environment)?.into_iter().next();
    Ok(gpu.map_or_else(|| Place::cpu().name, |gpu| gpu.name))
}

/// Why no GPU is used, where none is asked for and none forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unused {
    /// None is visible, or no driver answers.
    NoGpu,
    /// The build knows no CUDA; so many are visible.
    NoCuda(usize),
}

impl Unused {
    /// As this process sees it.
    pub(crate) fn here(environment: &Environment) -> Self {
        Self::of(gpus::visible(environment).unwrap_or_default().len(), gpu::IS_BUILT_IN)
    }

    /// Where so many are visible to a build that can use them, or cannot.
    pub(crate) fn of(visible: usize, is_built_in: bool) -> Self {
        if is_built_in || visible == 0 { Self::NoGpu } else { Self::NoCuda(visible) }
    }
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGpu => write!(f, "there is no GPU"),
            Self::NoCuda(gpus) => write!(
                f,
                "this build has no CUDA for the {gpus} GPU{} here (launch/cuda.sh builds one that has)",
                if *gpus == 1 { "" } else { "s" }
            ),
        }
    }
}

/// What a process does, where it can tell without the others: where the build knows no GPU, one
/// process trains, unless several were asked for.
pub(crate) fn alone(device: DeviceChoice, seat: Seat) -> Option<Computes> {
    match device {
        DeviceChoice::Auto if gpu::IS_BUILT_IN => None,
        DeviceChoice::Auto if seat.is_leader() => Some(Computes::Alone),
        DeviceChoice::Auto => Some(Computes::Nothing),
        DeviceChoice::Cpu | DeviceChoice::Cuda => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_that_the_build_cannot_use_are_told() {
        let told = |visible, is_built_in| Unused::of(visible, is_built_in).to_string();
        for (visible, is_built_in) in [(0, false), (0, true), (2, true)] {
            assert_eq!(told(visible, is_built_in), "there is no GPU");
        }
        let words = "this build has no CUDA for the";
        let remedy = "here (launch/cuda.sh builds one that has)";
        assert_eq!(told(1, false), format!("{words} 1 GPU {remedy}"));
        assert_eq!(told(8, false), format!("{words} 8 GPUs {remedy}"));
    }
}
