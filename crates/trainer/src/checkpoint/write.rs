//! A run into a directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use lockstep_data::Tokenizer;
use lockstep_model::Classifier;
use lockstep_optim::AdamW;
use lockstep_params::{ParamName, Parameters, write_tensors};
use lockstep_world::Step;
use serde::Serialize;

use super::staging::{Staging, write_json};
use super::{CheckpointError, checkpoint_name, manifest};
use crate::Usage;
use crate::journal::Journal;

/// What a user of the model needs.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(crate) model: &'a Classifier,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) usage: &'a Usage,
}

impl Product<'_> {
    fn save(self, directory: &Path) -> Result<(), CheckpointError> {
        self.model.save(directory)?;
        self.tokenizer.save(directory, self.model.config().positions)?;
        self.usage.write(directory)
    }
}

/// Writes `checkpoint-<step>`: all that is needed to resume, or to use the model as it is.
pub(crate) fn write_checkpoint(
    output_dir: &Path,
    step: Step,
    product: Product<'_>,
    optimizer: &AdamW,
    journal: &Journal,
) -> Result<PathBuf, CheckpointError> {
    let name = checkpoint_name(step);
    let staging = Staging::begin(output_dir, &name)?;
    product.save(staging.path())?;
    let moments = tensors(optimizer.moments())?;
    write_tensors(&staging.path().join("optimizer.safetensors"), &moments)?;
    write_json(&staging.path().join("trainer_state.json"), journal)?;
    manifest::seal(staging.path())?;
    staging.publish(&name)
}

/// Writes the final model and its results beside the checkpoints.
pub(crate) fn write_final(
    output_dir: &Path,
    product: Product<'_>,
    journal: &Journal,
    results: &impl Serialize,
) -> Result<(), CheckpointError> {
    let staging = Staging::begin(output_dir, "final")?;
    product.save(staging.path())?;
    write_json(&staging.path().join("trainer_state.json"), journal)?;
    write_json(&staging.path().join("all_results.json"), results)?;
    staging.publish_files()
}

fn tensors(parameters: &Parameters) -> candle_core::Result<BTreeMap<ParamName, Tensor>> {
    let tensor = |(name, variable): (&ParamName, &candle_core::Var)| {
        Ok((name.clone(), variable.as_tensor().to_device(&Device::Cpu)?))
    };
    parameters.iter().map(tensor).collect()
}
