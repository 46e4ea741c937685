//! `lockstep.json` on disk.

use std::io::ErrorKind;
use std::path::Path;

use lockstep_world::file_content;

use super::{CheckpointError, write_json};
use crate::Usage;

const NAME: &str = "lockstep.json";

/// Bytes that are read of the file at most: far more than columns and classes need.
const LIMIT: u64 = 1 << 24;

impl Usage {
    /// What a model's directory says; nothing where another program wrote it.
    ///
    /// # Errors
    /// [`CheckpointError`] when the file cannot be read, or is damaged.
    pub fn read(directory: &Path) -> Result<Option<Self>, CheckpointError> {
        let path = directory.join(NAME);
        let text = match file_content(&path, LIMIT) {
            Ok(text) => text,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(CheckpointError::Io { verb: "read", path, cause }),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|cause| CheckpointError::Damaged { path, cause })
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<(), CheckpointError> {
        write_json(&directory.join(NAME), self)
    }
}
