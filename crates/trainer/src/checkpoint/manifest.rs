//! MANIFEST.json: which files a checkpoint has, and how large each one is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::CheckpointError;
use super::staging::{files, write_json};

/// The manifest's name.
const NAME: &str = "MANIFEST.json";

/// The version of a checkpoint's layout.
const VERSION: u32 = 1;

/// What a run resumes from.
const NEEDED: [&str; 3] = ["model.safetensors", "optimizer.safetensors", "trainer_state.json"];

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    /// Size in bytes by file name.
    files: BTreeMap<String, u64>,
}

/// Writes the manifest of all files that are in `directory` now.
pub(super) fn seal(directory: &Path) -> Result<(), CheckpointError> {
    let sized = |path: PathBuf| {
        let size = fs::metadata(&path)
            .map_err(|cause| CheckpointError::Io { verb: "read", path: path.clone(), cause })?
            .len();
        Ok((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), size))
    };
    let files = files(directory)?.into_iter().map(sized).collect::<Result<_, CheckpointError>>()?;
    write_json(&directory.join(NAME), &Manifest { version: VERSION, files })
}

/// Whether every file the manifest names is there in full.
pub(super) fn verify(directory: &Path) -> Result<(), CheckpointError> {
    let broken = |cause| CheckpointError::Incomplete { directory: directory.to_owned(), cause };
    let text = fs::read(directory.join(NAME));
    let text = text.map_err(|cause| broken(format!("{NAME} cannot be read ({cause})")))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|cause| broken(format!("{NAME} is damaged ({cause})")))?;
    if manifest.version != VERSION {
        let found = manifest.version;
        return Err(broken(format!(
            "its format has version {found}, but this program reads version {VERSION}"
        )));
    }
    if let Some(name) = NEEDED.iter().find(|name| !manifest.files.contains_key(**name)) {
        return Err(broken(format!("{NAME} does not name {name}")));
    }
    for (name, expected) in manifest.files {
        let found = fs::metadata(directory.join(&name))
            .map_err(|cause| broken(format!("{name} cannot be read ({cause})")))?
            .len();
        if found != expected {
            return Err(broken(format!("{name} has {found} bytes instead of {expected}")));
        }
    }
    Ok(())
}
