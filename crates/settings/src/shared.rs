//! Which keys all ranks of a run must agree on: every key decides something that the ranks do together,
//! unless it is in the list of those that may differ.

use std::collections::BTreeMap;

use lockstep_flags::Entry;

use super::keys;
use super::plan::RunPlan;
use super::tables::RUN;

/// Keys that may differ from rank to rank: places in the file system of a host, whose content is compared
/// by itself, and what only rank 0 does or shows.
static MAY_DIFFER: [&dyn Entry; 15] = [
    &keys::MODEL,
    &keys::TRAIN_FILE,
    &keys::VALIDATION_FILE,
    &keys::TEST_FILE,
    &keys::LABEL_MAP,
    &keys::TOKEN_CACHE,
    &keys::OUTPUT_DIR,
    &keys::OVERWRITE,
    &keys::RESUME_KEY,
    &keys::LOGGING_STEPS,
    &keys::LOGGING_FIRST_STEP,
    &keys::REPORT_TO,
    &keys::LOG_FORMAT,
    &keys::QUIET,
    &keys::VERBOSE,
];

/// The values that all ranks must have, by the names of their keys. Numbers that are written differently
/// are the same.
#[must_use]
pub fn shared(plan: &RunPlan) -> BTreeMap<String, String> {
    let is_shared = |name: &str| !MAY_DIFFER.iter().any(|entry| entry.name() == name);
    let settled = plan.settled.iter().filter(|settled| is_shared(settled.name));
    settled.map(|settled| (settled.name.to_owned(), as_number(&settled.text))).collect()
}

/// The same of those keys that decide what the weights are, or what is measured of them: what the
/// trainings of a series must have the same of, beside the content of what they read.
#[must_use]
pub fn deciding(plan: &RunPlan) -> BTreeMap<String, String> {
    let decides = |name: &str| {
        let is_named = |entry: &&&dyn Entry| entry.name() == name;
        let entry = keys::ALL.iter().find(is_named);
        let is_of_run = entry.is_some_and(|entry| entry.table() == RUN);
        let is_other = [keys::SEED.name(), keys::SEEDS.name()].contains(&name);
        name == keys::PRECISION_KEY.name() || !is_of_run && !is_other
    };
    shared(plan).into_iter().filter(|(name, _)| decides(name)).collect()
}

fn as_number(text: &str) -> String {
    match (text.parse::<u64>(), text.parse::<f64>()) {
        (Err(_), Ok(number)) => number.to_string(),
        _ => text.to_owned(),
    }
}
