//! The loss of a training: the weights of its classes, once the data have shown which they are.

use std::collections::BTreeMap;
use std::fmt::Write;

use lockstep_data::CorpusFacts;
use lockstep_settings::{ClassWeights, TrainPlan};
use lockstep_trainer::Criterion;
use lockstep_world::counted;

/// Weights that do not fit the classes of the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WeightsError {
    /// There is not one for each class.
    #[error(
        "--class-weights: {} for {} classes\n  hint: give a number for each class in this order: {}",
        counted(*found, "weight"), names.len(), names.join(", ")
    )]
    Count {
        /// The weights that are given.
        found: usize,
        /// The classes.
        names: Vec<String>,
    },
    /// One is for a class that is not there.
    #[error("--class-weights: the data have no class `{name}`\n  hint: name one of {}", names.join(", "))]
    Unknown {
        /// What was named.
        name: String,
        /// The classes.
        names: Vec<String>,
    },
    /// Balanced weights of a class without an example would be infinite.
    #[error(
        "--class-weights balanced: the class `{name}` has no training example, so its weight would be \
         infinite\n  hint: give the weights as numbers, or train without this class"
    )]
    Empty {
        /// The class.
        name: String,
    },
}

/// The loss of a training on these examples.
///
/// # Errors
/// [`WeightsError`] when the weights do not fit the classes.
pub(crate) fn criterion(plan: &TrainPlan, train: &CorpusFacts) -> Result<Criterion, WeightsError> {
    let names = train.labels().names();
    let weights = match &plan.class_weights {
        None => Vec::new(),
        Some(ClassWeights::Balanced) => balanced(names, train.counts())?,
        Some(ClassWeights::InOrder(weights)) if weights.len() != names.len() => {
            return Err(WeightsError::Count { found: weights.len(), names: names.to_vec() });
        }
        Some(ClassWeights::InOrder(weights)) => weights.clone(),
        Some(ClassWeights::ByName(weights)) => by_name(names, weights)?,
    };
    Ok(Criterion::new(weights, plan.label_smoothing))
}

/// `n / (K count)` for each class, as scikit-learn's `compute_class_weight("balanced", …)`.
fn balanced(names: &[String], counts: &[usize]) -> Result<Vec<f64>, WeightsError> {
    let examples: usize = counts.iter().sum();
    let weight = |(name, &count): (&String, &usize)| match count {
        0 => Err(WeightsError::Empty { name: name.clone() }),
        _ => Ok(examples as f64 / (names.len() as f64 * count as f64)),
    };
    names.iter().zip(counts).map(weight).collect()
}

fn by_name(names: &[String], weights: &BTreeMap<String, f64>) -> Result<Vec<f64>, WeightsError> {
    match weights.keys().find(|name| !names.contains(name)) {
        Some(name) => Err(WeightsError::Unknown { name: name.clone(), names: names.to_vec() }),
        None => Ok(names.iter().map(|name| weights.get(name).copied().unwrap_or(1.0)).collect()),
    }
}

/// What the loss is where it is not plain cross-entropy, else nothing.
pub(crate) fn in_words(criterion: &Criterion, names: &[String]) -> String {
    const SHOWN: usize = 6;
    if criterion.is_plain() {
        return String::new();
    }
    let mut parts = Vec::new();
    if !criterion.weights().is_empty() {
        let weights = names.iter().zip(criterion.weights()).take(SHOWN);
        let weights: Vec<String> = weights.map(|(name, w)| format!("{name} {w:.4}")).collect();
        let more = names.len().saturating_sub(SHOWN);
        let mut text = format!("class weights {}", weights.join(", "));
        if more > 0 {
            let _ = write!(text, " and {more} more");
        }
        parts.push(text);
    }
    if criterion.smoothing() > 0.0 {
        parts.push(format!("label smoothing {}", criterion.smoothing()));
    }
    format!("cross-entropy with {}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["calm", "glad", "sad"].map(str::to_owned).to_vec()
    }

    #[test]
    fn balanced_weights_are_scikit_learns() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0]*1 + [1]*2 + [2]*5)
        let found = balanced(&names(), &[1, 2, 5]).unwrap();
        assert_eq!(found, [8.0 / 3.0, 8.0 / 6.0, 8.0 / 15.0]);
        let empty = WeightsError::Empty { name: "glad".to_owned() };
        assert_eq!(balanced(&names(), &[1, 0, 5]), Err(empty));
    }

    #[test]
    fn classes_that_are_not_named_count_1() {
        let weights = |name: &str| BTreeMap::from([(name.to_owned(), 2.5)]);
        assert_eq!(by_name(&names(), &weights("sad")), Ok(vec![1.0, 1.0, 2.5]));
        let unknown = WeightsError::Unknown { name: "angry".to_owned(), names: names() };
        assert_eq!(by_name(&names(), &weights("angry")), Err(unknown));
    }
}
