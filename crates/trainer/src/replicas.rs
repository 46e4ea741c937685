//! What keeps the replicas one run: they start equal, stay equal, and learn what the leader did.

use std::collections::BTreeMap;

use lockstep_collective::{Collective, broadcast_bytes, differences};
use lockstep_model::Classifier;
use lockstep_optim::AdamW;
use lockstep_params::Parameters;
use lockstep_world::{Fingerprint, Rank};

use crate::TrainError;
use crate::identity::words;
use crate::journal::Journal;

/// The words of an error take no more bytes; what is longer is cut.
const MOST_WORDS: usize = 64 << 10;
/// A journal takes no more bytes: millions of updates.
const MOST_OF_A_JOURNAL: usize = 1 << 30;

/// Who writes shared files, and whose word counts.
pub(crate) const LEADER: Rank = Rank(0);

/// Whether all ranks were started for the same run.
///
/// # Errors
/// [`TrainError::Disagree`] names each rank and thing that differs from the leader's.
pub(crate) fn agree(
    collective: &mut dyn Collective,
    facts: &BTreeMap<String, String>,
) -> Result<(), TrainError> {
    let differences = differences(collective, facts)?;
    if differences.is_empty() { Ok(()) } else { Err(TrainError::Disagree { differences }) }
}

/// The names and shapes of the parameters, as one number.
pub(crate) fn layout(parameters: &Parameters) -> String {
    let text: String =
        parameters.iter().map(|(name, value)| format!("{name} {:?};", value.dims())).collect();
    format!("{:016x}", hash(text.as_bytes().chunks(8).map(padded)))
}

/// Lets the leader do what only one rank may; all ranks learn whether it succeeded.
///
/// # Errors
/// The leader's own on the leader, and [`TrainError::Leader`] with its words on all others.
pub(crate) fn by_leader<T>(
    collective: &mut dyn Collective,
    work: impl FnOnce() -> Result<T, TrainError>,
) -> Result<Option<T>, TrainError> {
    let outcome = collective.seat().is_leader().then(work).transpose();
    let mut words = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let end = (0..=words.len().min(MOST_WORDS)).rev().find(|&end| words.is_char_boundary(end));
    words.truncate(end.unwrap_or_default());
    let words = broadcast_bytes(collective, words.as_bytes(), LEADER, MOST_WORDS)?;
    match outcome {
        Ok(_) if !words.is_empty() => {
            Err(TrainError::Leader { cause: String::from_utf8_lossy(&words).into_owned() })
        }
        outcome => outcome,
    }
}

/// Gives every rank the leader's weights.
pub(crate) fn spread_weights(
    collective: &mut dyn Collective,
    model: &Classifier,
) -> Result<(), TrainError> {
    spread(collective, model.parameters())
}

/// Gives every rank the leader's moments and journal.
pub(crate) fn spread_state(
    collective: &mut dyn Collective,
    optimizer: &mut AdamW,
    journal: &Journal,
) -> Result<Journal, TrainError> {
    spread(collective, optimizer.moments_mut())?;
    let text = serde_json::to_vec(journal).unwrap_or_default();
    let text = broadcast_bytes(collective, &text, LEADER, MOST_OF_A_JOURNAL)?;
    serde_json::from_slice(&text)
        .map_err(|cause| TrainError::Leader { cause: format!("its journal is damaged: {cause}") })
}

fn spread(collective: &mut dyn Collective, tensors: &Parameters) -> Result<(), TrainError> {
    tensors.change_each(|values| Ok(collective.broadcast(values, LEADER)?))
}

fn padded(bytes: &[u8]) -> u64 {
    bytes.iter().fold(1, |word, byte| word << 8 ^ u64::from(*byte))
}

/// A [`Fingerprint`] of whole words.
fn hash(words: impl Iterator<Item = u64>) -> u64 {
    words.fold(Fingerprint::new(), |before, word| before.then(word).folded()).value()
}

/// Facts of a serialisable value, by the names of its fields.
pub(crate) fn facts(value: &impl serde::Serialize) -> BTreeMap<String, String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::Object(fields)) => {
            fields.into_iter().map(|(name, value)| (name, words(&value))).collect()
        }
        _ => BTreeMap::new(),
    }
}
