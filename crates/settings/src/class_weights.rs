//! How much each class counts in the loss, as it is written.

use std::collections::BTreeMap;

use lockstep_flags::{Form, Kind};

/// How much the classes count, before it is known which classes there are.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeights {
    /// Each as much in all, as scikit-learn has it.
    Balanced,
    /// By the order of the classes, (K).
    InOrder(Vec<f64>),
    /// By name; classes that are not named count 1.
    ByName(BTreeMap<String, f64>),
}

/// The kind of `--class-weights`.
pub(crate) const CLASS_WEIGHTS_KIND: Kind<ClassWeights> = Kind::Read {
    form: Form::List,
    placeholder: "balanced|LIST",
    valid: "balanced, numbers from 1e-6 to 1e6 in the order of the classes such as 1,2.5, or a JSON \
            object such as {\"neg\": 1, \"pos\": 2.5}",
    read: |text| {
        let fits = |weight: &f64| (1e-6..=1e6).contains(weight);
        match text.trim() {
            "balanced" => Some(ClassWeights::Balanced),
            text if text.starts_with('{') => {
                let by_name: BTreeMap<String, f64> = serde_json::from_str(text).ok()?;
                let is_valid = !by_name.is_empty() && by_name.values().all(fits);
                is_valid.then_some(ClassWeights::ByName(by_name))
            }
            text => {
                let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
                let numbers = inner.unwrap_or(text).split(',');
                let weight = |number: &str| number.trim().parse().ok().filter(fits);
                numbers.map(weight).collect::<Option<_>>().map(ClassWeights::InOrder)
            }
        }
    },
};
