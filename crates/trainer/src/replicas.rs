//! What keeps the replicas one run: they start equal, stay equal, and learn what the leader did.

use std::collections::BTreeMap;

use lockstep_collective::{Collective, broadcast_bytes, gather_bytes};
use lockstep_model::Classifier;
use lockstep_optim::AdamW;
use lockstep_params::Parameters;
use lockstep_world::{Fingerprint, Rank};

use crate::TrainError;
use crate::identity::words;
use crate::journal::Journal;

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
    let mine = serde_json::to_vec(facts).unwrap_or_default();
    let all = gather_bytes(collective, &mine)?;
    let read = |bytes: &Vec<u8>| -> BTreeMap<String, String> {
        serde_json::from_slice(bytes).unwrap_or_default()
    };
    let Some(leaders) = all.first().map(read) else { return Ok(()) };
    let mut differences = Vec::new();
    for (rank, theirs) in all.iter().map(read).enumerate() {
        for (thing, expected) in &leaders {
            let found = theirs.get(thing).map_or("nothing", String::as_str);
            if found != expected {
                differences
                    .push(format!("{thing}: rank {rank} has {found}, rank 0 has {expected}"));
            }
        }
    }
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
    let words = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let words = broadcast_bytes(collective, words.as_bytes(), LEADER)?;
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
    let text = broadcast_bytes(collective, &text, LEADER)?;
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
