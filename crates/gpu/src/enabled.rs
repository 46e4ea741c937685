//! CUDA, opened when a run asks for it.

use std::panic::catch_unwind;

use candle_core::cuda_backend::cudarc::driver::sys::CUmemPool_attribute;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError};
use candle_core::cuda_backend::cudarc::{cublas, curand, driver, nvrtc};
use candle_core::cuda_backend::set_gemm_reduced_precision_f32;
use candle_core::{CudaDevice, Device};

use super::{GpuError, LIBRARIES};

/// The GPU `ordinal` of those this process sees, with a stream that all threads share: backward
/// passes and sums of gradients are on different ones.
///
/// # Errors
/// [`GpuError`].
pub fn open(ordinal: usize) -> Result<Device, GpuError> {
    find_libraries()?;
    let refused = |cause: String| GpuError::Refused { ordinal, cause };
    // Candle's binding panics where a library is older than it expects.
    let opened = catch_unwind(|| Device::new_cuda_with_stream(ordinal));
    let opened = opened.map_err(|_| refused("its libraries are too old (see above)".to_owned()))?;
    let device = opened.map_err(|cause| refused(cause.to_string()))?;
    let cuda = device.as_cuda_device().map_err(|cause| refused(cause.to_string()))?;
    drop_events(cuda);
    keep_pool(cuda.cuda_stream().context()).map_err(|cause| refused(cause.to_string()))?;
    Ok(device)
}

/// Spares each of the thousands of small operations of an update some calls of the driver.
fn drop_events(device: &CudaDevice) {
    // SAFETY: tensors are used on the device's one stream. Only sums over NCCL have another, which
    // waits for this one before it begins; no tensor is used or dropped before such a sum has ended
    // or was aborted. Recorded programs sum memory of their machine, which is no tensor.
    #[expect(unsafe_code, reason = "candle would guard each tensor with two events")]
    unsafe {
        device.disable_event_tracking();
    }
}

/// Keeps freed memory in the device's pool, which would give it back at each wait for the GPU.
fn keep_pool(context: &CudaContext) -> Result<(), DriverError> {
    if !context.has_async_alloc() {
        return Ok(());
    }
    let mut all = u64::MAX;
    // SAFETY: the pool is the device's own and lives as long as it; the value is of the attribute's
    // type, and copied.
    #[expect(unsafe_code, reason = "the driver's own calls")]
    unsafe {
        let pool = driver::result::device::get_default_mem_pool(context.cu_device())?;
        let attribute = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        driver::result::mem_pool::set_attribute(pool, attribute, (&raw mut all).cast())
    }
}

/// Lets products of f32 round their factors to TF32, in this process.
pub fn multiply_in_tf32() {
    set_gemm_reduced_precision_f32(true);
}

/// Candle opens its libraries by itself, and panics where one is missing.
fn find_libraries() -> Result<(), GpuError> {
    const DRIVER: &str = "install NVIDIA's driver";
    const TOOLKIT: &str = "install the CUDA toolkit's libraries, or the wheels that PyTorch brings, and \
                           add their directory to LD_LIBRARY_PATH";
    // SAFETY: the four open a library and run its constructors, which are NVIDIA's.
    #[expect(unsafe_code, reason = "opening a library runs what is in it")]
    let found: [bool; LIBRARIES.len()] = unsafe {
        // In the order of their names.
        [
            driver::sys::is_culib_present(),
            cublas::sys::is_culib_present(),
            curand::sys::is_culib_present(),
            nvrtc::sys::is_culib_present(),
        ]
    };
    match found.iter().position(|is_there| !is_there) {
        Some(0) => Err(GpuError::Missing { library: LIBRARIES[0], remedy: DRIVER }),
        Some(place) => Err(GpuError::Missing { library: LIBRARIES[place], remedy: TOOLKIT }),
        None => Ok(()),
    }
}
