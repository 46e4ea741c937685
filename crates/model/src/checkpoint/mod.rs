//! The map between a classifier and a Hugging Face directory.

mod read;
mod report;
mod write;

pub(crate) use read::{Wanted, WeightsFile, read_parameters};
pub use report::LoadReport;
pub(crate) use write::write;
