//! Writing to the f32 values of variables where they lie.
//!
//! Candle hands out mutable memory only inside an in-place operation, one tensor at a time. Nesting
//! such operations as closures gives a kernel several at once. Two variables that share memory
//! would wait for each other's lock forever, so callers ask [`share_memory`] first.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};

use super::values::contiguous;

/// Runs `work` on the values of `tensor`, which must be contiguous, of f32 and on the CPU.
pub(crate) fn write<F>(tensor: &Tensor, work: F) -> Result<()>
where
    F: FnOnce(&mut [f32]) -> Result<()>,
{
    tensor.inplace_op1(&Write { work: RefCell::new(Some(work)) })
}

/// Whether any two of `tensors` lie in the same memory.
pub(crate) fn share_memory(tensors: &[&Tensor]) -> bool {
    let mut places: Vec<_> = tensors.iter().map(|tensor| storage_address(tensor)).collect();
    places.sort_unstable();
    places.windows(2).any(|pair| pair.first() == pair.last())
}

fn storage_address(tensor: &Tensor) -> usize {
    let (storage, _) = tensor.storage_and_layout();
    std::ptr::from_ref(&*storage).addr()
}

struct Write<F> {
    // Candle lends the operation by shared reference, and a closure runs only once.
    work: RefCell<Option<F>>,
}

impl<F: FnOnce(&mut [f32]) -> Result<()>> InplaceOp1 for Write<F> {
    fn name(&self) -> &'static str {
        "write"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let range = contiguous(layout)?;
        match (self.work.take(), storage) {
            (Some(work), CpuStorage::F32(values)) => work(&mut values[range]),
            _ => bail!("expected a variable of f32 to write to in place"),
        }
    }
}
