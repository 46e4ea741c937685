//! The one door to a CPU tensor's scalars as a mutable slice.

use std::cell::RefCell;

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Tensor};

type Change<'a, E> = dyn FnMut(&mut [f32]) -> Result<(), E> + 'a;

/// Shows the scalars of a contiguous f32 CPU tensor to `change`; what it writes stays.
///
/// # Errors
/// The error of `change`, or one that says why the tensor has no such slice.
pub(crate) fn with_values<E: From<candle_core::Error>>(
    tensor: &Tensor,
    change: &mut Change<'_, E>,
) -> Result<(), E> {
    let visit = Visit { change: RefCell::new(change), outcome: RefCell::new(Ok(())) };
    tensor.inplace_op1(&visit)?;
    visit.outcome.into_inner()
}

struct Visit<'a, E> {
    change: RefCell<&'a mut Change<'a, E>>,
    outcome: RefCell<Result<(), E>>,
}

impl<E> InplaceOp1 for Visit<'_, E> {
    fn name(&self) -> &'static str {
        "visit"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let CpuStorage::F32(values) = storage else {
            candle_core::bail!("a slice of {:?} is wanted, the tensor is another type", DType::F32)
        };
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("a tensor of layout {layout:?} has no slice: it is not contiguous")
        };
        *self.outcome.borrow_mut() = (self.change.borrow_mut())(&mut values[start..end]);
        Ok(())
    }
}
