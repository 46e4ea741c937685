//! The temperature that makes a model's probabilities fit a set: found there, and kept beside the model.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use lockstep_model::Classifier;
use lockstep_world::file_content;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::checkpoint::write_json;
use crate::drift::hash_of_all;
use crate::{CheckpointError, TrainError};

/// Bytes that are read of the file at most.
const LIMIT: u64 = 1 << 20;
/// Steps of the search at most; it needs less than ten.
const STEPS: usize = 100;

/// `calibration.json`: a temperature, and what it was fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// What logits are divided by, from [`Self::LEAST`] to [`Self::MOST`].
    #[serde(deserialize_with = "temperature")]
    pub temperature: f64,
    /// What it was fitted on.
    pub fitted_on: String,
    /// The examples of that.
    pub examples: u64,
    /// A hash of the weights it was fitted to.
    pub weights: String,
}

/// A set without a temperature that fits best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTemperature {
    /// The smaller the temperature, the better.
    #[error(
        "no temperature fits these examples: the model answers all of them right, or nearly so, and any \
         probability below 1 is too low; use more examples, or harder ones"
    )]
    NoMistake,
    /// The larger the temperature, the better.
    #[error(
        "no temperature fits these examples: the model is not better than chance on them; check the \
         labels, or train it further"
    )]
    Chance,
    /// There are no scores to fit.
    #[error(
        "no temperature fits these examples: the model's scores are infinite or NaN, since its training \
         diverged or its file is damaged"
    )]
    NotNumbers,
}

impl Calibration {
    /// The file beside the model.
    pub const NAME: &str = "calibration.json";
    /// The lowest temperature.
    pub const LEAST: f64 = 0.01;
    /// The highest temperature.
    pub const MOST: f64 = 100.0;

    /// A temperature that was fitted to the weights of `model`.
    ///
    /// # Errors
    /// [`TrainError`] when the weights cannot be read from their device.
    pub fn of(
        model: &Classifier,
        temperature: f64,
        fitted_on: String,
        examples: u64,
    ) -> Result<Self, TrainError> {
        Ok(Self { temperature, fitted_on, examples, weights: print_of(model)? })
    }

    /// What the directory of `model` has; nothing where it was not calibrated.
    ///
    /// # Errors
    /// [`CheckpointError`] for a file that cannot be read, is damaged, or was fitted to other weights.
    pub fn read(directory: &Path, model: &Classifier) -> Result<Option<Self>, TrainError> {
        let path = directory.join(Self::NAME);
        let text = match file_content(&path, LIMIT) {
            Ok(text) => text,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(CheckpointError::Io { verb: "read", path, cause }.into()),
        };
        let found: Self = serde_json::from_slice(&text)
            .map_err(|cause| CheckpointError::DamagedCalibration { path: path.clone(), cause })?;
        if found.weights != print_of(model)? {
            return Err(CheckpointError::OtherWeights { path }.into());
        }
        Ok(Some(found))
    }

    /// Writes the file; gives its path.
    ///
    /// # Errors
    /// [`CheckpointError`] when it cannot be written.
    pub fn write(&self, directory: &Path) -> Result<PathBuf, CheckpointError> {
        let path = directory.join(Self::NAME);
        write_json(&path, self)?;
        Ok(path)
    }
}

fn print_of(model: &Classifier) -> Result<String, TrainError> {
    Ok(format!("xxh3:{:016x}", hash_of_all(model.parameters())?))
}

fn temperature<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    let value = f64::deserialize(value)?;
    match (Calibration::LEAST..=Calibration::MOST).contains(&value) {
        true => Ok(value),
        false => Err(de::Error::custom("`temperature` is not a number from 0.01 to 100")),
    }
}

/// The temperature at which the mean cross-entropy of examples with these logits, (B, K), and labels, (B), is
/// least.
///
/// It is convex in the reciprocal of the temperature, so the zero of its derivative is looked for, by
/// Newton's steps within an interval that halves where they leave it.
///
/// # Errors
/// [`NoTemperature`] where it is least beyond [`Calibration::LEAST`] or [`Calibration::MOST`].
pub(crate) fn best_temperature(logits: &[Vec<f32>], labels: &[u32]) -> Result<f64, NoTemperature> {
    let at = |inverse: f64| slope(logits, labels, inverse);
    let (mut low, mut high) = (Calibration::MOST.recip(), Calibration::LEAST.recip());
    let ends = [at(low).first, at(high).first];
    if !ends.iter().all(|end| end.is_finite()) {
        return Err(NoTemperature::NotNumbers);
    }
    match ends {
        [first, _] if first >= 0.0 => return Err(NoTemperature::Chance),
        [_, last] if last <= 0.0 => return Err(NoTemperature::NoMistake),
        _ => {}
    }
    let mut inverse = 1.0;
    for _ in 0..STEPS {
        let Slope { first, second } = at(inverse);
        if first > 0.0 {
            high = inverse;
        } else {
            low = inverse;
        }
        let step = inverse - first / second;
        let next = if step > low && step < high { step } else { f64::midpoint(low, high) };
        let is_still = (next - inverse).abs() <= 1e-14 * inverse;
        inverse = next;
        if is_still {
            break;
        }
    }
    Ok(inverse.recip())
}

/// The derivatives of the mean cross-entropy by the reciprocal of the temperature.
struct Slope {
    first: f64,
    second: f64,
}

fn slope(logits: &[Vec<f32>], labels: &[u32], inverse: f64) -> Slope {
    let (mut first, mut second) = (0.0, 0.0);
    for (logits, label) in logits.iter().zip(labels) {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let below = |logit: &f32| f64::from(*logit) - f64::from(highest);
        let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
        for value in logits.iter().map(below) {
            let power = (inverse * value).exp();
            sum += power;
            mean += power * value;
            square += power * value * value;
        }
        let own = logits.get(*label as usize).map_or(f64::NAN, below);
        first += mean / sum - own;
        second += square / sum - (mean / sum).powi(2);
    }
    Slope { first, second }
}

#[cfg(test)]
mod tests {
    use lockstep_testkit::reference;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        labels: Vec<u32>,
        logits: Vec<Vec<f32>>,
        temperature: Option<f64>,
    }

    #[test]
    fn temperatures_are_those_of_scipy() {
        // `tests/reference/evaluation.py`; its minimum is known to the square root of f64's precision.
        let text = std::fs::read(reference("golden/evaluation.json")).unwrap();
        for case in serde_json::from_slice::<Vec<Case>>(&text).unwrap() {
            let found = best_temperature(&case.logits, &case.labels).ok();
            let gap = found.unwrap_or(0.0) - case.temperature.unwrap_or(0.0);
            assert!(gap.abs() < 1e-6, "{}: {found:?} {:?}", case.name, case.temperature);
        }
    }

    #[test]
    fn sets_without_a_temperature_say_why() {
        let check = |logits: &[[f32; 2]], labels: &[u32], expected| {
            let logits: Vec<Vec<f32>> = logits.iter().map(|row| row.to_vec()).collect();
            assert_eq!(best_temperature(&logits, labels), Err(expected));
        };
        check(&[[0.0, 1.0], [9000.0, 0.0]], &[1, 0], NoTemperature::NoMistake);
        check(&[[0.0, 1.0], [9.0, 0.0]], &[0, 1], NoTemperature::Chance);
        check(&[[1.0, 1.0]], &[1], NoTemperature::Chance);
        check(&[], &[], NoTemperature::Chance);
        check(&[[f32::NAN, 1.0]], &[1], NoTemperature::NotNumbers);
        check(&[[0.0, 1.0]], &[7], NoTemperature::NotNumbers);
    }
}
