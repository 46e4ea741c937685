//! `trainer plan --program`: the GPU step of a run, kernel by kernel, with predicted times.

use lockstep_host::Process;
use lockstep_join::device;
use lockstep_program::Card;
use lockstep_settings::RunPlan;
use lockstep_trainer::TrainError;
use serde_json::json;

use super::predicted::Predicted;
use super::program_table::{object, table};
use super::{not_here, read};
use crate::failure::Failure;

/// The answer.
///
/// # Errors
/// Data or a model that cannot be used.
pub(super) fn text(plan: &RunPlan, process: &Process, as_json: bool) -> Result<String, Failure> {
    let (corpora, material) = read(plan, process)?;
    let Some(material) = material else {
        return Ok(without(&not_here(&plan.model.name), as_json));
    };
    let device = device::expected(plan.run.wish.device, &process.environment)?;
    // An H200 where this machine has no card that is described.
    let card = Card::named(&device).unwrap_or(Card::ALL[0]);
    let classes = corpora.train.labels().len();
    match (Predicted::of(plan, &material, classes, card), as_json) {
        (Err(TrainError::Unsupported(reason)), _) => Ok(without(&reason.to_string(), as_json)),
        (Err(failure), _) => Err(failure.into()),
        (Ok(predicted), true) => Ok(format!("{}\n", object(&predicted))),
        (Ok(predicted), false) => Ok(table(&predicted)),
    }
}

/// The answer where there is no program.
fn without(reason: &str, as_json: bool) -> String {
    match as_json {
        true => format!("{}\n", json!({ "program": null, "reason": reason })),
        false => format!("program    none: {reason}\n"),
    }
}
