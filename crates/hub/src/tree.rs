//! The list of a revision's files, as `huggingface_hub` (1.33) keeps it in the cache.
//!
//! A revision never changes, so its list does not either: with it, the cache alone tells whether a split
//! is complete. The list always has all files of the revision, as Python expects.

use std::collections::BTreeMap;
use std::path::Path;

use lockstep_world::file_content;
use serde::{Deserialize, Serialize};

use crate::cache::{Unwritten, replace};

/// The version of the format that Python writes and reads.
const VERSION: u32 = 1;
/// No list that is read is longer.
const LARGEST: u64 = 256 << 20;

/// The files of a revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tree {
    format_version: u32,
    /// By their paths.
    pub(crate) files: BTreeMap<String, Entry>,
}

/// A file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its bytes.
    pub(crate) size: u64,
    blob_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lfs_sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lfs_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    xet_hash: Option<String>,
}

/// A line of the hub's list.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Listed {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: String,
    lfs: Option<ListedLfs>,
    #[serde(rename = "xetHash")]
    xet_hash: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct ListedLfs {
    oid: String,
    size: u64,
}

impl Tree {
    /// The list of the files among the lines; the others are folders.
    pub(crate) fn of(lines: Vec<Listed>) -> Self {
        let files = lines.into_iter().filter(|line| line.kind == "file");
        let files = files.map(|Listed { path, size, oid, lfs, xet_hash, .. }| {
            let (lfs_sha256, lfs_size) = lfs.map(|lfs| (lfs.oid, lfs.size)).unzip();
            (path, Entry { size, blob_id: oid, lfs_sha256, lfs_size, xet_hash })
        });
        Self { format_version: VERSION, files: files.collect() }
    }

    /// The list in a file; nothing where there is none that can be used.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = file_content(path, LARGEST).ok()?;
        let tree: Self = serde_json::from_slice(&text).ok()?;
        (tree.format_version == VERSION).then_some(tree)
    }

    /// Writes the list.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Unwritten> {
        let text = serde_json::to_vec_pretty(self).map_err(|c| (path.to_owned(), c.into()))?;
        replace(path, &text)
    }
}
