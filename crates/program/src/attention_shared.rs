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
const TILE: usize = 128;
/// Bytes behind a row in shared memory, which keep lanes on banks of their own.
const PADDING: usize = 16;
/// Warps of a block.
const WARPS: usize = 4;
/// Queries that a block of the f32 kernels has at once, and that a warp of the bf16 kernels has.
const QUERIES: usize = 16;

/// The dynamic shared memory of `attention_forward` or `attention_backward`, in bytes, for heads of
/// `columns` columns and segments of at most `longest` tokens: 32, 64, 128 or 512.
#[must_use]
pub const fn attention_shared(
    pass: AttentionPass,
    element: Element,
    columns: usize,
    longest: usize,
) -> usize {
    let row = match element {
        Element::F32 => columns + PADDING / 4,
        Element::Bf16 => columns + PADDING / 2,
    };
    match (element, pass) {
        (Element::F32, AttentionPass::Forward) => {
            let keys = least(longest, TILE);
            4 * (2 * keys * row + QUERIES * (columns + keys) + only(2 * longest, longest > keys))
        }
        (Element::F32, AttentionPass::Backward) => {
            let keys = least(longest, TILE * 32 / columns);
            let shares = 2 * (keys + 4) + 1 + keys / 32;
            let values = 2 * (keys + QUERIES) * row + QUERIES * shares + WARPS * columns;
            4 * (values + only(longest, longest > keys))
        }
        (Element::Bf16, AttentionPass::Forward) => {
            let (keys, own) = bf16_rows(longest);
            2 * (2 * keys + own) * row
        }
        (Element::Bf16, AttentionPass::Backward) => {
            let (keys, own) = bf16_rows(longest);
            let facts = only(2 * longest, longest > keys);
            2 * 2 * (keys + own) * row + 4 * (3 * WARPS * columns + facts)
        }
    }
}

/// Rows of keys that a bf16 kernel has at once, and beside them rows of queries.
const fn bf16_rows(longest: usize) -> (usize, usize) {
    if longest > TILE { (TILE, QUERIES * WARPS) } else { (longest, longest) }
}

const fn least(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

/// `count` if it is needed.
const fn only(count: usize, needed: bool) -> usize {
    if needed { count } else { 0 }
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

    /// That table tells how many warps a multiprocessor holds, which depends on shared memory.
    #[test]
    fn the_table_of_resources_has_the_same_shared_memory() {
        let table = include_str!("../../../tests/gpu/resources.tsv");
        for pass in [AttentionPass::Forward, AttentionPass::Backward] {
            for element in [Element::F32, Element::Bf16] {
                for (columns, longest) in [32, 64]
                    .map(|columns| [32, 64, 128, 512].map(|longest| (columns, longest)))
                    .concat()
                {
                    let bytes = attention_shared(pass, element, columns, longest);
                    let (pass, element) = (pass.name(), element.name());
                    let row =
                        format!("attention_{pass}_{element}_h{columns}_t{longest}\t128\t{bytes}\t");
                    assert!(table.contains(&row), "no row begins with {row:?}");
                }
            }
        }
    }
}
