//! The map between a classifier and a Hugging Face directory.

mod read;
mod report;

pub(crate) use read::{Wanted, WeightsFile, read_parameters};
pub use report::LoadReport;
