//! Directories that appear under their name only when all of their content is on disk.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::CheckpointError;

/// What the name of a directory under construction ends in.
pub(super) const UNFINISHED: &str = ".partial";

/// A directory under construction. It is removed unless it is published.
pub(super) struct Staging {
    path: PathBuf,
    parent: PathBuf,
    published: bool,
}

impl Staging {
    /// Begins a directory inside `parent`, which is made where it is missing.
    pub(super) fn begin(parent: &Path, name: &str) -> Result<Self, CheckpointError> {
        let path = parent.join(format!(".{name}{UNFINISHED}"));
        remove_if_there(&path)?;
        fs::create_dir_all(&path).map_err(|cause| CheckpointError::Io {
            verb: "create",
            path: path.clone(),
            cause,
        })?;
        Ok(Self { path, parent: parent.to_owned(), published: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the directory its name; what had the name before is replaced.
    pub(super) fn publish(mut self, name: &str) -> Result<PathBuf, CheckpointError> {
        self.sync()?;
        let target = self.parent.join(name);
        remove_if_there(&target)?;
        rename(&self.path, &target)?;
        self.published = true;
        sync(&self.parent)?;
        Ok(target)
    }

    /// Moves each file into the parent, where it replaces the one of its name.
    pub(super) fn publish_files(self) -> Result<(), CheckpointError> {
        self.sync()?;
        for path in files(&self.path)? {
            if let Some(name) = path.file_name() {
                rename(&path, &self.parent.join(name))?;
            }
        }
        sync(&self.parent)
    }

    /// Waits until every file and the directory itself are on disk.
    fn sync(&self) -> Result<(), CheckpointError> {
        files(&self.path)?.iter().try_for_each(|path| sync(path))?;
        sync(&self.path)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            // A failure to clean up must not hide the failure that led here; the next run cleans.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Writes a value as JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), CheckpointError> {
    let write = || {
        let mut file = File::create(path)?;
        serde_json::to_writer_pretty(&mut file, value)?;
        file.write_all(b"\n")
    };
    write().map_err(|cause| CheckpointError::Io { verb: "write", path: path.to_owned(), cause })
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), CheckpointError> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(CheckpointError::Io { verb: "remove", path: path.to_owned(), cause })
        }
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), CheckpointError> {
    fs::rename(from, to).map_err(|cause| CheckpointError::Io {
        verb: "create",
        path: to.to_owned(),
        cause,
    })
}

/// What is directly inside a directory.
pub(super) fn files(directory: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|cause| CheckpointError::Io { verb: "list", path: directory.to_owned(), cause })
}

fn sync(path: &Path) -> Result<(), CheckpointError> {
    File::open(path).and_then(|opened| opened.sync_all()).map_err(|cause| CheckpointError::Io {
        verb: "sync",
        path: path.to_owned(),
        cause,
    })
}
