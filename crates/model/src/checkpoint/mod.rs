//! The map between a classifier and a Hugging Face directory.

mod fold;
mod read;
mod report;
mod weights_file;

pub(crate) use read::{ReadWeights, Wanted, read_parameters};
pub use report::LoadReport;
pub(crate) use weights_file::WeightsFile;
