//! The words of the driver and of cublasLt.

use candle_core::cuda_backend::cudarc::cublaslt::result::CublasError;
use candle_core::cuda_backend::cudarc::driver::DriverError;
use candle_core::cuda_backend::cudarc::driver::sys::CUresult;
use lockstep_program::MachineError;

/// What to make of a failure of the driver.
pub(super) fn driver(what: impl Into<String>) -> impl FnOnce(DriverError) -> MachineError {
    move |cause| device(what, format!("the driver says {cause:?}"))
}

/// What to make of a failure of cublasLt.
pub(super) fn library(what: impl Into<String>) -> impl FnOnce(CublasError) -> MachineError {
    move |cause| device(what, format!("cublasLt says {cause}"))
}

/// A failure in words.
pub(super) fn device(what: impl Into<String>, cause: String) -> MachineError {
    MachineError::Device { what: what.into(), cause }
}

/// What to make of a failure to get `bytes` bytes.
pub(super) fn memory(bytes: usize) -> impl FnOnce(DriverError) -> MachineError {
    move |cause| match cause.0 {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
            MachineError::Memory { bytes, cause: format!("the driver says {cause:?}") }
        }
        _ => driver(format!("making room for {bytes} bytes"))(cause),
    }
}
