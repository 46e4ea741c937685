//! Differentiable operations over packed rows, and the update of the weights.
//!
//! Each operation is one function over candle tensors. It checks its arguments, then takes one of
//! two ways: on a CPU with f32 a fused kernel with its own backward, multi-threaded and vectorised;
//! everywhere else a composition of candle's own operations, mostly that in [`plain`], which is also
//! the oracle that the others are tested against. No result depends on the number of threads:
//! work is cut into fixed blocks and sums run in a fixed order.
//!
//! Shapes: B examples, N tokens of all of them, M query rows, D width, H heads, F feed-forward
//! width, K classes, V vocabulary, P positions, I and O the widths into and out of a layer.

mod adamw;
mod adamw_update;
mod attention;
mod block;
mod cpu;
mod criterion;
mod cross_entropy;
mod dropout;
mod embedding;
mod first_rows;
mod gelu;
mod gradient;
mod layer_norm;
mod layer_products;
mod linear;
mod mask;
mod memory;
mod norm;
pub mod plain;
mod rearranged;
mod segments;
mod shapes;
mod threads;
mod weight;

pub use adamw::{SeenRows, adamw, adamw_part, adamw_table};
pub use adamw_update::AdamWUpdate;
pub use attention::{AttentionPlan, attention};
pub use block::{Affine, BlockPlan, BlockWeights, Notice, Ready, Rows, transformer_block};
pub use cpu::precision::{Bf16, Precision};
pub use criterion::Criterion;
pub use cross_entropy::summed_cross_entropy;
pub use dropout::{Dropout, dropout};
pub use embedding::embedding;
pub use first_rows::first_rows;
pub use gelu::gelu;
pub use gradient::{Gradient, RowGradient};
pub use layer_norm::layer_norm;
pub use layer_products::LayerProducts;
pub use linear::linear;
pub use memory::keep_freed_memory;
pub use norm::{squares_on_device, sum_of_squares};

pub use segments::Segments;
pub use threads::keep_candle_on_one_thread;
pub use weight::Weight;
