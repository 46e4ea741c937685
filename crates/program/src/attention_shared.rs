//! The dynamic shared memory that the attention kernels ask for.

use crate::Element;

/// The way of a pass through attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttentionPass {
    /// `attention_forward`
    Forward,
    /// `attention_backward`
    Backward,
}

impl AttentionPass {
    /// As the kernels' names have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }
}

/// Keys that are in shared memory at once, at most.
const TILE: u32 = 128;
/// Warps of a block.
const WARPS: u32 = 4;
/// Queries that a block of the f32 kernels has at once, and that a warp of the bf16 kernels has.
const QUERIES: u32 = 16;

/// The dynamic shared memory of `attention_forward` or `attention_backward`, in bytes, for heads of
/// `columns` columns and segments of at most `longest` tokens: 32, 64, 128 or 512.
#[must_use]
pub const fn attention_shared(
    pass: AttentionPass,
    element: Element,
    columns: u32,
    longest: u32,
) -> u32 {
    let long = longest > TILE;
    let keys = if long { TILE } else { longest };
    match element {
        Element::F32 => 4 * floats(pass, columns, longest, keys),
        Element::Bf16 => {
            // In segments of several tiles, rows of q (and dy) of all warps beside the tile.
            let own = if long { QUERIES * WARPS } else { longest };
            let row = 2 * (columns + 8);
            match pass {
                AttentionPass::Forward => (2 * keys + own) * row,
                AttentionPass::Backward => {
                    let bits = if long { 0 } else { longest * longest / 32 };
                    2 * (keys + own) * row + 4 * (2 * longest + 3 * WARPS * columns + bits)
                }
            }
        }
    }
}

/// The same of the f32 kernels, in floats.
const fn floats(pass: AttentionPass, columns: u32, longest: u32, keys: u32) -> u32 {
    let row = columns + 4;
    let statistics = if longest > keys { longest } else { 0 };
    match pass {
        AttentionPass::Forward => {
            2 * keys * row + QUERIES * columns + QUERIES * keys + 2 * statistics
        }
        AttentionPass::Backward => {
            2 * (keys + QUERIES) * row + QUERIES * (2 * (keys + 4) + 1 + keys / 32) + statistics
        }
    }
}

/// The dynamic shared memory of `attention_first_forward` and `attention_first_backward`, in bytes.
pub(crate) const FIRST_SHARED: usize = 512 * 4 * 2 + 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_fits_an_h100() {
        for pass in [AttentionPass::Forward, AttentionPass::Backward] {
            for element in [Element::F32, Element::Bf16] {
                for (columns, longest) in [(32, 32), (64, 64), (64, 128), (32, 512), (64, 512)] {
                    assert!(attention_shared(pass, element, columns, longest) <= 227 * 1024 / 2);
                }
            }
        }
    }
}
