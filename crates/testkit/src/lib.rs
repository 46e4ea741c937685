//! What tests share: where the reference files are, and how they are read.
//!
//! Shipped code never sees this crate.

mod golden;
mod place;

pub use golden::{
    GoldenBf16, GoldenExample, GoldenText, GoldenUpdate, golden_bf16, golden_first_batch,
    golden_texts, golden_trace,
};
pub use place::{real, reference};
