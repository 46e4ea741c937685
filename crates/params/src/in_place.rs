//! The one door to a tensor's scalars as a mutable slice; those of a GPU are copied out and back.

use std::cell::RefCell;
use std::ops::Range;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
#[cfg(feature = "cuda")]
use candle_core::backend::BackendStorage;
#[cfg(feature = "cuda")]
use candle_core::cuda_backend::cudarc::driver::CudaSlice;
use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Tensor};

type Change<'a, E> = dyn FnMut(&mut [f32]) -> Result<(), E> + 'a;

/// Shows the scalars of a contiguous f32 tensor to `change`; what it writes stays.
///
/// # Errors
/// The error of `change`, or one that says why the tensor has no such slice.
pub(crate) fn with_values<E: From<candle_core::Error>>(
    tensor: &Tensor,
    change: &mut Change<'_, E>,
) -> Result<(), E> {
    Visit { change: RefCell::new(change), outcome: RefCell::new(Ok(())), writes: true }.to(tensor)
}

/// Shows the scalars of a contiguous f32 tensor to `see`.
///
/// # Errors
/// As [`with_values`].
pub(crate) fn see_values<E: From<candle_core::Error>>(
    tensor: &Tensor,
    mut see: impl FnMut(&[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut change = |values: &mut [f32]| see(values);
    let visit =
        Visit { change: RefCell::new(&mut change), outcome: RefCell::new(Ok(())), writes: false };
    visit.to(tensor)
}

struct Visit<'a, E> {
    change: RefCell<&'a mut Change<'a, E>>,
    outcome: RefCell<Result<(), E>>,
    /// Whether a copy of what lies on a GPU goes back there.
    #[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "there is no copy"))]
    writes: bool,
}

impl<E: From<candle_core::Error>> Visit<'_, E> {
    fn to(self, tensor: &Tensor) -> Result<(), E> {
        tensor.inplace_op1(&self)?;
        self.outcome.into_inner()
    }
}

impl<E> InplaceOp1 for Visit<'_, E> {
    fn name(&self) -> &'static str {
        "visit"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let CpuStorage::F32(values) = storage else {
            candle_core::bail!("a slice of {:?} is wanted, the tensor is another type", DType::F32)
        };
        self.show(&mut values[slice(layout)?]);
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> candle_core::Result<()> {
        let device = storage.device().clone();
        let values = storage.as_cuda_slice_mut::<f32>()?;
        let slice = slice(layout)?;
        let mut copy = device.clone_dtoh(&values.slice(slice.clone()))?;
        self.show(&mut copy);
        if !self.writes {
            return Ok(());
        }
        device.memcpy_htod(&copy, &mut values.slice_mut(slice))
    }
}

impl<E> Visit<'_, E> {
    fn show(&self, values: &mut [f32]) {
        *self.outcome.borrow_mut() = (self.change.borrow_mut())(values);
    }
}

/// Shows the memory of a vector that lies on a GPU, whole, to `change`.
///
/// # Errors
/// The error of `change`, or one that says why the tensor has no such memory.
#[cfg(feature = "cuda")]
pub fn with_gpu_values<E: From<candle_core::Error>>(
    tensor: &Tensor,
    change: impl FnOnce(&mut CudaSlice<f32>) -> Result<(), E>,
) -> Result<(), E> {
    let visit = GpuVisit { change: RefCell::new(Some(change)), outcome: RefCell::new(Ok(())) };
    tensor.inplace_op1(&visit)?;
    visit.outcome.into_inner()
}

#[cfg(feature = "cuda")]
struct GpuVisit<F, E> {
    change: RefCell<Option<F>>,
    outcome: RefCell<Result<(), E>>,
}

#[cfg(feature = "cuda")]
impl<E, F: FnOnce(&mut CudaSlice<f32>) -> Result<(), E>> InplaceOp1 for GpuVisit<F, E> {
    fn name(&self) -> &'static str {
        "visit_on_gpu"
    }

    fn cpu_fwd(&self, _storage: &mut CpuStorage, _layout: &Layout) -> candle_core::Result<()> {
        candle_core::bail!("memory of a GPU is wanted, and the tensor is on the CPU")
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> candle_core::Result<()> {
        let values = storage.as_cuda_slice_mut::<f32>()?;
        if slice(layout)? != (0..values.len()) {
            candle_core::bail!("a tensor of layout {layout:?} is a part of its memory only");
        }
        if let Some(change) = self.change.take() {
            *self.outcome.borrow_mut() = change(values);
        }
        Ok(())
    }
}

/// Where a tensor's scalars lie in its storage.
fn slice(layout: &Layout) -> candle_core::Result<Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => {
            candle_core::bail!("a tensor of layout {layout:?} has no slice: it is not contiguous")
        }
    }
}
