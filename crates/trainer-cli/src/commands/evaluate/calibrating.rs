//! `--calibrate`: a temperature is fitted to the examples and kept beside the model.

use std::path::PathBuf;

use lockstep_trainer::{Calibration, Decision, EvaluationReport, KeptLogits, calibration_error};
use lockstep_world::counted;

use super::Split;
use crate::failure::Failure;
use crate::finished::Finished;

/// Examples that are too few for one number.
const FEW: u64 = 100;

/// What a calibration changed.
pub(super) struct Fitted {
    /// Where it was written.
    pub(super) path: PathBuf,
    /// The mean loss before it.
    pub(super) loss: f64,
    /// The calibration error before it.
    pub(super) error: f64,
}

/// Fits a temperature, writes it, and evaluates with it.
///
/// # Errors
/// Examples that no temperature fits; a directory that cannot be written.
pub(super) fn fit(
    finished: &Finished,
    split: Split<'_>,
    decision: Decision,
) -> Result<(EvaluationReport, Fitted), Failure> {
    let (Split { name, store }, model) = (split, &finished.model);
    let mut logits = KeptLogits::of(model, store)?;
    let before = logits.evaluate(model, name, store, decision)?;
    let temperature = logits.temperature(store)?.map_err(|cause| {
        let data = name.to_owned();
        Failure::NoTemperature { data, cause }
    })?;
    let report = logits.evaluate(model, name, store, Decision { temperature, ..decision })?;
    if report.examples < FEW {
        tracing::warn!(
            "a temperature that is fitted to {} is not reliable; some hundred are enough",
            counted(report.examples, "example")
        );
    }
    let found = Calibration::of(model, temperature, name.to_owned(), report.examples)?;
    let path = found.write(&finished.directory)?;
    let error = calibration_error(&before.reliability);
    Ok((report, Fitted { path, loss: before.loss, error }))
}
