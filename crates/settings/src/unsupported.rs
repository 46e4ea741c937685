//! What the interface promises and this version does not have yet. Each answer names what works now.
//!
//! A feature that arrives takes its lines out of here.

use std::path::Path;

use lockstep_flags::{Key, Problem, Written};

use super::keys::{TEST_FILE, TRAIN_FILE, VALIDATION_FILE};
use super::terms::DataSource;

/// Notes each wish that cannot be granted yet.
pub(crate) fn note_unsupported(config: &mut Written) {
    for key in [&TRAIN_FILE, &VALIDATION_FILE, &TEST_FILE] {
        note_source(config, key);
    }
}

/// What a source is that cannot be read yet; nothing of one that can.
#[must_use]
pub fn not_yet(path: &Path) -> Option<&'static str> {
    let text = path.to_string_lossy();
    text.starts_with("hub:").then_some("data sets from the hub")
}

fn note_source(config: &mut Written, key: &Key<DataSource>) {
    let Some(DataSource::File(path)) = config.find(key) else { return };
    let Some(what) = not_yet(&path) else { return };
    let instead = "write it to a file, with `datasets` for example: \
                   load_dataset(...)[\"train\"].to_parquet(\"train.parquet\")";
    config.note(config.place(key), Problem::NotYet { what, instead });
}
