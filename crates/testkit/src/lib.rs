//! What tests share: where the reference files are, how they are read, and how a test says that it
//! cannot run here.
//!
//! Shipped code never sees this crate.

mod golden;
mod place;
mod port;
mod skip;

pub use golden::{
    FamilyPair, FamilyText, GoldenBf16, GoldenCriterion, GoldenExample, GoldenText, GoldenUpdate,
    family_pairs, family_texts, golden_bf16, golden_criterion, golden_first_batch, golden_texts,
    golden_trace,
};
pub use place::{real, reference};
pub use port::free_port;
pub use skip::{skip, skip_case};
