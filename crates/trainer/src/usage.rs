//! `lockstep.json`: what a model needs to be used as it was trained, and no other file of it says.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::CheckpointError;
use crate::checkpoint::write_json;

const NAME: &str = "lockstep.json";

/// How texts were read in training; evaluations and predictions read them alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens after which a text was cut, `[CLS]` and `[SEP]` included.
    pub max_seq_length: usize,
}

impl Usage {
    /// What a model's directory says; nothing where another program wrote it.
    ///
    /// # Errors
    /// [`CheckpointError`] when the file cannot be read, or is damaged.
    pub fn read(directory: &Path) -> Result<Option<Self>, CheckpointError> {
        let path = directory.join(NAME);
        let text = match fs::read(&path) {
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
