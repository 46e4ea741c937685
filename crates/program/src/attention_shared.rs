//! The dynamic shared memory that the attention kernels ask for.

use crate::Element;

/// The dynamic shared memory of `attention_forward` and `attention_backward`, in bytes, for heads of
/// `columns` columns and segments of at most `longest` tokens.
#[must_use]
pub const fn attention_shared(element: Element, columns: u32, longest: u32) -> u32 {
    let bytes = match element {
        Element::F32 => 4,
        Element::Bf16 => 2,
    };
    4 * longest * (columns + 8) * bytes
}

/// The dynamic shared memory of `attention_first_forward` and `attention_first_backward`, in bytes.
pub(crate) const FIRST_SHARED: usize = 512 * 4 * 2 + 1024;
