//! The model card, `README.md`: what the model is, what it was made of, and how good it is.
//!
//! The metadata in front are those of the hub (`huggingface_hub.ModelCard` reads them). Names that users
//! chose are quoted wherever they go.

mod body;
mod escape;
mod metadata;
mod origin;
mod results;
mod usage;

use std::path::PathBuf;

use lockstep_report::Seeds;
use lockstep_settings::RunPlan;
use lockstep_trainer::EvaluationReport;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::sources::Corpora;

/// What a card is made from, beside the results that the run wrote.
pub(crate) struct CardSource<'a> {
    pub(crate) plan: &'a RunPlan,
    pub(crate) corpora: &'a Corpora,
    /// The final evaluation, where its classes are known.
    pub(crate) judged: Option<&'a EvaluationReport>,
    /// What all seeds came to, where this is the card of a series.
    pub(crate) seeds: Option<&'a Seeds>,
    pub(crate) hardware: Hardware,
    /// The directory of the model it was made from.
    pub(crate) base: Option<PathBuf>,
}

/// What a training ran on.
#[derive(Clone, Debug)]
pub(crate) struct Hardware {
    /// The device of a rank.
    pub(crate) device: String,
    pub(crate) ranks: usize,
    pub(crate) hosts: usize,
}

/// The card of a finished run, with the results that the run wrote.
///
/// # Errors
/// Results that cannot be read again.
pub(crate) fn text(source: &CardSource<'_>) -> Result<String, Failure> {
    let path = source.plan.run.directory.join("all_results.json");
    let read =
        std::fs::read(&path).map_err(|cause| Failure::Write { path: path.clone(), cause })?;
    let results: Map<String, Value> = serde_json::from_slice(&read)
        .map_err(|cause| Failure::Write { path, cause: cause.into() })?;
    let mut card = metadata::of(source, &results);
    card += &body::head(source);
    card += &body::data(source);
    card += &results::of(source, &results);
    card += &usage::of(source);
    card += &body::training(source, &results);
    Ok(card)
}
