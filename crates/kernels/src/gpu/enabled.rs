//! CUDA, opened when a run asks for it. **Untested on a GPU.**

use std::panic::catch_unwind;

use candle_core::Device;
use candle_core::cuda_backend::cudarc::{cublas, curand, driver, nvrtc};
use candle_core::cuda_backend::set_gemm_reduced_precision_f32;

use super::GpuError;

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
    opened.map_err(|cause| refused(cause.to_string()))
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
    let found = unsafe {
        [
            ("libcuda.so", driver::sys::is_culib_present(), DRIVER),
            ("libcublas.so", cublas::sys::is_culib_present(), TOOLKIT),
            ("libcurand.so", curand::sys::is_culib_present(), TOOLKIT),
            ("libnvrtc.so", nvrtc::sys::is_culib_present(), TOOLKIT),
        ]
    };
    match found.into_iter().find(|(_, is_there, _)| !is_there) {
        Some((library, _, remedy)) => Err(GpuError::Missing { library, remedy }),
        None => Ok(()),
    }
}
