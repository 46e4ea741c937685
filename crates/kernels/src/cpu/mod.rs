//! What the fused CPU kernels are made of: memory that is read and written in place, work cut into
//! fixed blocks, matrix products on strided memory, and loops that become vector instructions.

pub(crate) mod bf16;
pub(crate) mod blocks;
pub(crate) mod columns;
pub(crate) mod elementary;
pub(crate) mod in_place;
pub(crate) mod matrix;
pub(crate) mod operands;
pub(crate) mod precision;
pub(crate) mod product;
pub(crate) mod scatter;
pub(crate) mod transpose;
pub(crate) mod values;
pub(crate) mod vector;

use candle_core::{DType, Tensor};

/// Whether a fused kernel of this module can take all of these tensors.
///
/// Each operation asks once a call; every other device or type takes the way of [`crate::plain`].
pub(crate) fn takes(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|tensor| tensor.device().is_cpu() && tensor.dtype() == DType::F32)
}
