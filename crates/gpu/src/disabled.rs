//! A build without CUDA: every GPU is refused.

use candle_core::Device;

use super::GpuError;

/// Always fails.
///
/// # Errors
/// [`GpuError::NotBuiltIn`].
pub fn open(_ordinal: usize) -> Result<Device, GpuError> {
    Err(GpuError::NotBuiltIn)
}

/// Does nothing: there is no GPU that could.
pub fn multiply_in_tf32() {}
