//! Where candle's variables lie: the only file that looks into candle's storage.

use candle_core::{Storage, Var};
use lockstep_program::{MachineError, Region};

use super::failure::device;

/// Where the f32 values of `variable` lie on its GPU. That does not change while the variable lives:
/// `Var::set` copies into the storage that is there.
///
/// # Errors
/// [`MachineError::Device`] where the variable is not on a GPU, not f32, or not contiguous.
pub fn region(variable: &Var) -> Result<Region, MachineError> {
    let refused = |cause: String| device("the address of a variable", cause);
    let (storage, layout) = variable.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        return Err(refused("it is not on a GPU".to_owned()));
    };
    let Some((start, end)) = layout.contiguous_offsets() else {
        return Err(refused(format!("{layout:?} is not contiguous")));
    };
    let values = storage.as_cuda_slice::<f32>().map_err(|cause| refused(cause.to_string()))?;
    let stream = values.stream();
    let (address, _no_event) = values.slice(start..end).view_ptr(stream);
    Ok(Region { address, bytes: (end - start) * size_of::<f32>() })
}
