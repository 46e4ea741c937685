//! `lockstep.json`: what a model needs to be used as it was trained, and no other file of it says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::CheckpointError;
use crate::checkpoint::write_json;

const NAME: &str = "lockstep.json";

/// Bytes that are read of the file at most: far more than columns and classes need.
const LIMIT: u64 = 1 << 24;

/// How texts and labels were read in training; evaluations and predictions read them alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens after which a text was cut, `[CLS]` and `[SEP]` included.
    pub max_seq_length: usize,
    /// The column of the texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_column: Option<String>,
    /// The column of the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// The class of each label, where the files have other names for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_map: Option<BTreeMap<String, String>>,
}

impl Usage {
    /// What a model's directory says; nothing where another program wrote it.
    ///
    /// # Errors
    /// [`CheckpointError`] when the file cannot be read, or is damaged.
    pub fn read(directory: &Path) -> Result<Option<Self>, CheckpointError> {
        let path = directory.join(NAME);
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(LIMIT).read_to_end(&mut text));
        match read {
            Ok(_) => {}
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(CheckpointError::Io { verb: "read", path, cause }),
        }
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|cause| CheckpointError::Damaged { path, cause })
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<(), CheckpointError> {
        write_json(&directory.join(NAME), self)
    }
}
