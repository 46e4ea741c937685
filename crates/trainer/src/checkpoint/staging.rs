//! Directories that appear under their name only when all of their content is on disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use lockstep_world::unique_name;
use rustix::fs::{CWD, RenameFlags, renameat_with};
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
        let path = parent.join(unfinished(name));
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
    pub(super) fn publish(mut self, name: &str) -> Result<(), CheckpointError> {
        self.sync()?;
        let target = self.parent.join(name);
        let old = match exchange(&self.path, &target) {
            Ok(()) => Some(self.path.clone()),
            Err(_) => {
                let old = set_aside(&target)?;
                rename(&self.path, &target)?;
                old
            }
        };
        self.published = true;
        sync(&self.parent)?;
        old.map_or(Ok(()), |old| remove_if_there(&old))
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
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from);
    let write = |cause| CheckpointError::Io { verb: "write", path: path.to_owned(), cause };
    write_text(path, &(text.map_err(write)? + "\n"))
}

/// Writes a file anew.
pub(super) fn write_text(path: &Path, text: &str) -> Result<(), CheckpointError> {
    fs::write(path, text).map_err(|cause| CheckpointError::Io {
        verb: "write",
        path: path.to_owned(),
        cause,
    })
}

/// Removes a directory so that it has its name for as long as it is whole: a removal that is cut short
/// leaves something unfinished, which the next run removes.
pub(super) fn remove_whole(directory: &Path) -> Result<(), CheckpointError> {
    set_aside(directory)?.map_or(Ok(()), |aside| remove_if_there(&aside))
}

/// Gives a directory the name of something unfinished; nothing where there is no such directory.
fn set_aside(directory: &Path) -> Result<Option<PathBuf>, CheckpointError> {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let aside = directory.with_file_name(unfinished(&name));
    match fs::rename(directory, &aside) {
        Ok(()) => Ok(Some(aside)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => {
            Err(CheckpointError::Io { verb: "remove", path: directory.to_owned(), cause })
        }
    }
}

/// A name for something unfinished, which no other process and no other call gives.
fn unfinished(name: &str) -> String {
    unique_name(&format!(".{name}")) + UNFINISHED
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

/// Gives each of two directories the other's name in one step, so that one of them has it at any moment.
/// Not every file system can.
fn exchange(one: &Path, other: &Path) -> std::io::Result<()> {
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(parent: &Path, text: &str) {
        let staging = Staging::begin(parent, "checkpoint-7").unwrap();
        fs::write(staging.path().join("file"), text).unwrap();
        staging.publish("checkpoint-7").unwrap();
    }

    #[test]
    fn a_directory_replaces_the_one_of_its_name() {
        let parent = tempfile::tempdir().unwrap();
        for text in ["first", "second"] {
            publish(parent.path(), text);
            let target = parent.path().join("checkpoint-7");
            assert_eq!(fs::read_to_string(target.join("file")).unwrap(), text);
            assert_eq!(files(parent.path()).unwrap(), [target]);
        }
    }

    #[test]
    fn two_directories_exchange_their_names() {
        let parent = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| parent.path().join(name));
        fs::create_dir(&one).unwrap();
        assert!(exchange(&one, &other).is_err());
        fs::create_dir(&other).unwrap();
        fs::write(one.join("file"), "").unwrap();
        if exchange(&one, &other).is_ok() {
            assert!(other.join("file").exists() && files(&one).unwrap().is_empty());
        }
    }
}
