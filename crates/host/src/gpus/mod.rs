//! The NVIDIA GPUs of this machine, asked of the driver's own library (NVML).
//!
//! The library is opened on the first use and is never linked, so that the programs start on
//! machines without a driver. There its absence means: no GPU. A library that is there and fails is
//! something else, and its reason is kept.

mod selection;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Environment;

/// A GPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// Its number in the order of the driver, which is that of the PCI bus.
    pub index: u32,
    /// Its unique id, such as `GPU-5ce0…`.
    pub uuid: String,
    /// The product's name.
    pub name: String,
    /// Its whole memory.
    pub memory_bytes: u64,
}

/// The driver's version and its GPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// Its version.
    pub version: String,
    /// The newest CUDA it serves, in thousands and tens: 13010 is 13.1.
    pub cuda: u32,
    /// All GPUs, whether this process may see them or not.
    pub gpus: Vec<Gpu>,
}

/// NVML is there and does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "NVIDIA's library (libnvidia-ml.so.1) is there, but cannot {verb}: {cause}; \
     see whether `nvidia-smi` works, and whether the driver's module and library have one version"
)]
pub struct DriverError {
    /// What it was to do.
    verb: &'static str,
    /// Its words.
    cause: String,
}

/// The GPUs CUDA would show to a process with this environment, in its order; none where there is
/// no driver.
///
/// # Errors
/// [`DriverError`].
pub fn visible(environment: &Environment) -> Result<Vec<Gpu>, DriverError> {
    let gpus = driver()?.map(|driver| driver.gpus).unwrap_or_default();
    Ok(selection::selected(&gpus, environment.given("CUDA_VISIBLE_DEVICES")))
}

/// The driver, if there is one.
///
/// # Errors
/// [`DriverError`].
pub fn driver() -> Result<Option<Driver>, DriverError> {
    let nvml = match Nvml::init() {
        Ok(nvml) => nvml,
        Err(NvmlError::LibloadingError(_)) => return Ok(None),
        Err(cause) => return Err(cannot("start")(cause)),
    };
    let count = nvml.device_count().map_err(cannot("count the GPUs"))?;
    let gpus = (0..count).map(|index| gpu(&nvml, index).map_err(cannot("describe a GPU")));
    Ok(Some(Driver {
        version: nvml.sys_driver_version().map_err(cannot("tell its version"))?,
        cuda: nvml.sys_cuda_driver_version().map_err(cannot("tell its CUDA"))?.unsigned_abs(),
        gpus: gpus.collect::<Result<_, _>>()?,
    }))
}

fn gpu(nvml: &Nvml, index: u32) -> Result<Gpu, NvmlError> {
    let device = nvml.device_by_index(index)?;
    let memory_bytes = device.memory_info()?.total;
    Ok(Gpu { index, uuid: device.uuid()?, name: device.name()?, memory_bytes })
}

fn cannot(verb: &'static str) -> impl Fn(NvmlError) -> DriverError {
    move |cause| DriverError { verb, cause: cause.to_string() }
}
