//! What an earlier start of the series left of a seed.

use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use lockstep_flags::{CommandLine, Set};
use lockstep_settings::{Existing, RunPlan, deciding, keys, plan_of, run_config, seed_folder};
use lockstep_trainer::{CheckpointError, Difference, has_checkpoints};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::output_dir::RECORD;

/// What there is of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Earlier {
    /// Nothing yet.
    Nothing,
    /// A training with a checkpoint to resume from.
    Begun,
    /// A training that ended before its first checkpoint.
    Remains,
    /// A training that ended with its model and its card.
    Finished,
}

impl Earlier {
    const ALL: [Self; 4] = [Self::Nothing, Self::Begun, Self::Remains, Self::Finished];

    /// What is in the directory of a seed's plan.
    ///
    /// # Errors
    /// A training with other settings than the plan's.
    pub(super) fn find(plan: &RunPlan) -> Result<Self, Failure> {
        let directory = &plan.run.directory;
        let has = |name: &str| directory.join(name).exists();
        if !has(RECORD) {
            return Ok(Self::Nothing);
        }
        // The card is written last.
        if ["README.md", "all_results.json", "model.safetensors"].into_iter().all(has) {
            check_settings(plan)?;
            return Ok(Self::Finished);
        }
        Ok(if has_checkpoints(directory)? { Self::Begun } else { Self::Remains })
    }

    /// What the training of the seed does with it; nothing where it is not to be trained again.
    pub(super) fn existing(self) -> Option<Existing> {
        match self {
            Self::Nothing => Some(Existing::Refuse),
            Self::Begun => Some(Existing::GoOn),
            Self::Remains => Some(Existing::Replace),
            Self::Finished => None,
        }
    }

    /// The word that says this to other ranks.
    pub(super) fn word(self) -> u64 {
        self as u64
    }

    /// What a word says.
    pub(super) fn of_word(word: u64) -> Self {
        let place = usize::try_from(word).unwrap_or(usize::MAX);
        Self::ALL.get(place).copied().unwrap_or(Self::Nothing)
    }
}

/// Whether a finished training has the settings that its plan has now.
fn check_settings(plan: &RunPlan) -> Result<(), Failure> {
    let record = plan.run.directory.join(RECORD);
    let line = CommandLine::parse(&[record.display().to_string()], keys::ALL, Set::NotTaken);
    let theirs = deciding(&plan_of(run_config(line, keys::ALL))?);
    let mine = deciding(plan);
    let said = |value: Option<&String>| value.map_or_else(|| "none".to_owned(), String::clone);
    let differs = |name: &String| {
        let (here, there) = (said(mine.get(name)), said(theirs.get(name)));
        (here != there).then(|| Difference { name: name.clone(), here, there })
    };
    let others = theirs.keys().filter(|name| !mine.contains_key(*name));
    same(&plan.run.directory, mine.keys().chain(others).filter_map(differs).collect())
}

/// Whether the finished trainings of these seeds are those of one series: the data may have changed
/// between them, or the number of ranks, by which the batch follows.
///
/// # Errors
/// The first that differs from the first of all.
pub(super) fn check_same(plan: &RunPlan, seeds: &[u64]) -> Result<(), Failure> {
    let identity = |seed: u64| {
        let path = plan.run.directory.join(seed_folder(seed)).join("trainer_state.json");
        object(&path).and_then(|state| Some(state.get("identity")?.as_object()?.clone()))
    };
    let [first, .., last] = seeds else { return Ok(()) };
    let (Some(first), Some(last_identity)) = (identity(*first), identity(*last)) else {
        return Ok(());
    };
    let follows = |name: &str| match name {
        "seed" => true,
        "train_data_hash" | "train_examples" => plan.data.held_out.is_some(),
        _ => false,
    };
    let said = |value: Option<&Value>| {
        let words = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        value.map_or_else(|| "none".to_owned(), words)
    };
    let differs = |name: &String| {
        let (here, there) = (said(first.get(name)), said(last_identity.get(name)));
        (here != there && !follows(name)).then(|| Difference { name: name.clone(), here, there })
    };
    let differences = first.keys().filter_map(differs).collect();
    same(&plan.run.directory.join(seed_folder(*last)), differences)
}

fn same(directory: &Path, differences: Vec<Difference>) -> Result<(), Failure> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(CheckpointError::OtherRun { directory: directory.to_owned(), differences }.into())
}

/// The object in a JSON file, where there is one.
pub(super) fn object(path: &Path) -> Option<Map<String, Value>> {
    const LONGEST: u64 = 64 << 20;
    let file = File::open(path).ok()?;
    serde_json::from_reader(BufReader::new(file.take(LONGEST))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_arrives_as_it_was_sent() {
        for earlier in Earlier::ALL {
            assert_eq!(Earlier::of_word(earlier.word()), earlier);
        }
        assert_eq!(Earlier::of_word(u64::MAX), Earlier::Nothing);
    }
}
