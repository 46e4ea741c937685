//! How `evaluate` and `predict` make answers of a model's logits: the flags and the file that say it.

use lockstep_flags::{Fault, Form, Key, Kind, Problem, Table, UNIT, Written};
use lockstep_trainer::{Calibration, Decision};

use crate::failure::Failure;
use crate::finished::Finished;

pub(super) static THRESHOLD: Key<f64> = Key::new(
    Table::COMMAND,
    "threshold",
    UNIT,
    "of two classes: the probability from which on the second one is the answer",
)
.or_else("the more probable class");

pub(super) static TEMPERATURE: Key<f64> = Key::new(
    Table::COMMAND,
    "temperature",
    TEMPERATURES,
    "what logits are divided by; 1 undoes a calibration",
)
.or_else("as calibrated, else 1");

const TEMPERATURES: Kind<f64> = Kind::Read {
    form: Form::Number,
    placeholder: "X",
    valid: "a number from 0.01 to 100",
    read: |text| {
        let valid = Calibration::LEAST..=Calibration::MOST;
        text.parse().ok().filter(|value| valid.contains(value))
    },
};

/// How answers are made, and the calibration that says it.
pub(super) struct Decided {
    pub(super) decision: Decision,
    pub(super) calibration: Option<Calibration>,
}

/// What the flags say, else what is beside the model.
///
/// # Errors
/// A threshold for a model of more or fewer than two classes; a calibration that cannot be used.
pub(super) fn decided(config: &Written, finished: &Finished) -> Result<Decided, Failure> {
    let threshold = threshold(config, finished)?;
    if let Some(temperature) = config.find(&TEMPERATURE) {
        let decision = Decision { temperature, threshold };
        return Ok(Decided { decision, calibration: None });
    }
    let calibration = Calibration::read(&finished.directory, &finished.model)?;
    let temperature = calibration.as_ref().map_or(1.0, |found| found.temperature);
    Ok(Decided { decision: Decision { temperature, threshold }, calibration })
}

/// The same for a model that is about to be calibrated.
///
/// # Errors
/// As for [`decided`], without those of a calibration.
pub(super) fn uncalibrated(config: &Written, finished: &Finished) -> Result<Decided, Failure> {
    let decision = Decision { threshold: threshold(config, finished)?, ..Decision::default() };
    Ok(Decided { decision, calibration: None })
}

fn threshold(config: &Written, finished: &Finished) -> Result<Option<f64>, Fault> {
    let threshold = config.find(&THRESHOLD);
    let classes = finished.labels.len();
    if threshold.is_none() || classes == 2 {
        return Ok(threshold);
    }
    let other = format!("the model, which has {classes} classes");
    let remedy = "a threshold decides between two classes; leave it out";
    let problem = Problem::Contradiction { other, remedy };
    Err(Fault { place: config.place(&THRESHOLD), problem })
}

/// What to say of a calibration that is used.
pub(super) fn in_words(calibration: &Calibration, finished: &Finished) -> String {
    let path = finished.directory.join(Calibration::NAME);
    let Calibration { temperature, fitted_on, .. } = calibration;
    format!("temperature {temperature:.4} of {}, fitted on {fitted_on}", path.display())
}
