//! The files of a checkpoint, as the fuzz targets give them to the parsers; only in builds of
//! `cargo fuzz`.

use std::path::Path;

use crate::checkpoint::Saved;
use crate::journal::Journal;

/// A directory that may be a checkpoint.
pub fn checkpoint(directory: &Path) {
    match Saved::open(directory) {
        Ok(saved) => drop(saved.into_journal()),
        Err(error) => drop((error.to_string(), error.remedy())),
    }
}

/// The bytes of a trainer_state.json.
pub fn trainer_state(bytes: &[u8]) {
    let Ok(mut journal) = serde_json::from_slice::<Journal>(bytes) else { return };
    let again = serde_json::to_vec(&journal).unwrap_or_default();
    drop(serde_json::from_slice::<Journal>(&again));
    let _ = journal.identity.differences(&journal.identity);
    let _ = journal.recent_losses.note(1.0, 2);
    journal.forget_lost_checkpoint();
    journal.forget_best();
}
