//! Reading the f32 values of tensors that lie on the CPU.
//!
//! Candle keeps values behind a lock and a layout. Kernels want a slice: contiguous tensors have
//! one, possibly with an offset, and the operations make every other tensor contiguous first.

use std::ops::{Deref, Range};

use candle_core::{CpuStorage, Layout, Result, Storage, StorageRef, Tensor, bail};

/// The values of an argument of a custom operation's forward.
pub(crate) fn stored<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    Ok(&storage.as_slice::<f32>()?[contiguous(layout)?])
}

/// The values of a tensor, locked against writing for as long as this lives.
pub(crate) struct Reading<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl<'a> Reading<'a> {
    /// Locks `tensor`, which must be contiguous, of f32 and on the CPU.
    pub(crate) fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let range = contiguous(layout)?;
        match &*storage {
            Storage::Cpu(CpuStorage::F32(_)) => Ok(Self { storage, range }),
            other => bail!("expected f32 on the CPU, got {:?}", (other.dtype(), other.device())),
        }
    }
}

impl Deref for Reading<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            // The lock is held since `of` looked, so the type cannot have changed.
            _ => &[],
        }
    }
}

/// The gradient of `argument`, in its shape; nothing is computed where it is not asked for.
pub(crate) fn gradient(
    argument: &Tensor,
    values: impl FnOnce() -> Vec<f32>,
) -> Result<Option<Tensor>> {
    if !argument.track_op() {
        return Ok(None);
    }
    Tensor::from_vec(values(), argument.shape(), argument.device()).map(Some)
}

/// The place of a contiguous layout's values in its storage.
pub(crate) fn contiguous(layout: &Layout) -> Result<Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => bail!("expected contiguous values, got {layout:?}: call contiguous() first"),
    }
}
