//! What one operation moves, computes and takes.

use super::{Card, Scene};
use crate::{Arithmetic, Launch, Matrix, Op, Product, Span, Work};

/// Microseconds of a kernel that moves nothing: the gap before a dependent node of a graph, and
/// the time in which blocks come and go.
const KERNEL_US: f64 = 2.4;
/// The same of a product, before its first tile of K.
const PRODUCT_US: f64 = 3.0;
/// Each tile of 64 of K, of which at most 16 follow each other: the library splits longer ones.
const TILE_US: f64 = 0.15;
/// Floating-point operations of attention's backward pass, as a multiple of the forward pass'.
pub(crate) const ATTENTION_BACKWARD: f64 = 2.5;

/// The predicted cost of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Bytes to and from the device's memory; what a cache saves is not taken off.
    pub bytes: f64,
    /// Floating-point operations of products and of attention.
    pub flop: f64,
    /// Microseconds in which the memory or the multipliers of the whole card are taken.
    pub busy_us: f64,
    /// Microseconds.
    pub us: f64,
}

impl Cost {
    pub(super) fn of(op: &Op, scene: &Scene<'_>, card: &Card) -> Self {
        match &op.work {
            Work::Product(product) => Self::of_product(product, card),
            Work::Launch(launch) => Self::of_launch(launch, op, scene, card),
        }
    }

    fn of_product(product: &Product, card: &Card) -> Self {
        let [rows, depth] = product.left.dims();
        let [_, columns] = product.right.dims();
        let matrices = [product.left.matrix(), product.right.matrix(), &product.out];
        let bytes = matrices.into_iter().chain(&product.addend).map(moved).sum::<f64>();
        let flop = 2.0 * rows as f64 * columns as f64 * depth as f64;
        let memory = bytes / card.bandwidth * 1e6;
        let multipliers = flop / card.product_rate(product.arithmetic) * 1e6;
        let tiles = (depth as f64 / 64.0).min(16.0);
        let us = (PRODUCT_US + TILE_US * tiles + memory).max(PRODUCT_US + multipliers);
        Self { bytes, flop, busy_us: memory.max(multipliers), us }
    }

    fn of_launch(launch: &Launch, op: &Op, scene: &Scene<'_>, card: &Card) -> Self {
        let Kernel { fixed_us, flop, reads, writes } = Kernel::of(&launch.kernel, scene);
        let sum = |spans: &[Span], most: usize| -> f64 {
            spans.iter().map(|span| span.bytes.min(most) as f64).sum()
        };
        let bytes = sum(&op.reads, reads) + sum(&op.writes, writes);
        let rate = card.attention_rate(scene.arithmetic == Arithmetic::Bf16);
        let busy_us = (bytes / card.bandwidth).max(flop / rate) * 1e6;
        Self { bytes, flop, busy_us, us: fixed_us + busy_us }
    }
}

/// Bytes of a matrix, without the gaps between its rows.
fn moved(matrix: &Matrix) -> f64 {
    (matrix.rows * matrix.columns * matrix.element.bytes()) as f64
}

/// What the spans of a launch do not tell.
struct Kernel {
    /// Microseconds if it moved nothing.
    fixed_us: f64,
    flop: f64,
    /// Bytes that it reads of each buffer, at most: of a table it reads some rows.
    reads: usize,
    /// The same of what it writes.
    writes: usize,
}

impl Kernel {
    fn of(name: &str, scene: &Scene<'_>) -> Self {
        let usual = Self { fixed_us: KERNEL_US, flop: 0.0, reads: usize::MAX, writes: usize::MAX };
        let width = scene.shape.width;
        let [rows, batch, words] =
            [scene.bucket.rows, scene.bucket.batch, scene.words].map(|rows| rows * width * 4);
        let flop = scene.attention_flop();
        let first = scene.first_attention_flop();
        match family(name) {
            "attention_forward" => Self { fixed_us: 3.4, flop, ..usual },
            "attention_backward" => {
                Self { fixed_us: 5.0, flop: ATTENTION_BACKWARD * flop, ..usual }
            }
            "attention_first_forward" => Self { fixed_us: 3.4, flop: first, ..usual },
            "attention_first_backward" => {
                Self { fixed_us: 4.0, flop: ATTENTION_BACKWARD * first, ..usual }
            }
            "gather_first" | "add_first" => Self { reads: batch, writes: batch, ..usual },
            "embedding_forward" => Self { reads: rows, ..usual },
            "word_gradient" => Self { writes: words, ..usual },
            "squares_rows" => Self { reads: words, ..usual },
            "catch_up_rows" | "adamw_rows" => Self { reads: words, writes: words, ..usual },
            _ => usual,
        }
    }
}

/// A kernel's name without types and sizes.
fn family(kernel: &str) -> &str {
    let end = ["_f32", "_bf16"].into_iter().find_map(|element| kernel.find(element));
    &kernel[..end.unwrap_or(kernel.len())]
}
