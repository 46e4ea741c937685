//! The cache on disk, laid out as Python's `huggingface_hub` does.
//!
//! ```text
//! models--owner--name/refs/main                 the revision of a branch
//! models--owner--name/snapshots/<revision>/f    a link to the content
//! models--owner--name/blobs/<etag>              the content; see `partial.rs` for what has come so far
//! datasets--owner--name/trees/<revision>.json   the files of a revision (huggingface_hub 1.32 or newer)
//! .locks/models--owner--name/<etag>.lock        held by the process that fetches the content
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lockstep_world::unique_name;

use crate::subject::Subject;

/// One repository's place in the cache.
#[derive(Clone, Debug)]
pub(super) struct RepoCache {
    cache: PathBuf,
    name: String,
}

/// A write that failed, and where.
pub(super) type Unwritten = (PathBuf, io::Error);

/// A file of a branch, and its content.
pub(super) struct Link<'a> {
    /// The branch.
    pub(super) branch: &'a str,
    /// Its revision.
    pub(super) commit: &'a str,
    /// The file's name, which is relative and stays in its folder.
    pub(super) file: &'a str,
    /// The content's name.
    pub(super) etag: &'a str,
}

impl RepoCache {
    /// The place of a repository in `cache`.
    pub(super) fn new(cache: &Path, subject: &Subject) -> Self {
        let name = format!("{}{}", subject.kind.folder(), subject.id.replace('/', "--"));
        Self { cache: cache.to_owned(), name }
    }

    fn folder(&self) -> PathBuf {
        self.cache.join(&self.name)
    }

    /// The revision that a branch had when it was last asked for.
    pub(super) fn commit(&self, branch: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder().join("refs").join(branch)).ok()?;
        word(text.trim()).map(str::to_owned)
    }

    /// A file of the revision that a branch had when it was last asked for.
    pub(super) fn get(&self, branch: &str, file: &str) -> Option<PathBuf> {
        let path = self.snapshot(&self.commit(branch)?).join(file);
        path.is_file().then_some(path)
    }

    /// The files of a revision.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder().join("snapshots").join(commit)
    }

    /// The list of a revision's files.
    pub(super) fn tree(&self, commit: &str) -> PathBuf {
        self.folder().join("trees").join(format!("{commit}.json"))
    }

    /// The folder of contents.
    pub(super) fn blobs(&self) -> PathBuf {
        self.folder().join("blobs")
    }

    /// Makes the folder of contents.
    pub(super) fn prepare(&self) -> Result<(), Unwritten> {
        let blobs = self.blobs();
        fs::create_dir_all(&blobs).map_err(|cause| (blobs, cause))
    }

    /// The lock of the content or the work `name`.
    pub(super) fn lock(&self, name: &str) -> PathBuf {
        self.cache.join(".locks").join(&self.name).join(format!("{name}.lock"))
    }

    /// Makes a content the file of a revision, and that revision the branch's.
    pub(super) fn link(&self, link: &Link<'_>) -> Result<(), Unwritten> {
        let pointer = self.snapshot(link.commit).join(link.file);
        let write = |path: &Path, result: io::Result<()>| result.map_err(|e| (path.to_owned(), e));
        if let Some(folder) = pointer.parent() {
            write(folder, fs::create_dir_all(folder))?;
        }
        if !pointer.exists() {
            let _ = fs::remove_file(&pointer);
            let up = "../".repeat(2 + link.file.matches('/').count());
            let target = PathBuf::from(format!("{up}blobs")).join(link.etag);
            let linked = std::os::unix::fs::symlink(target, &pointer);
            // Another process may have been faster; a file system may know no links.
            let made = match linked {
                Err(_) if !pointer.exists() => {
                    fs::copy(self.blobs().join(link.etag), &pointer).map(drop)
                }
                _ => Ok(()),
            };
            write(&pointer, made)?;
        }
        self.note(link.branch, link.commit)
    }

    /// Makes a revision the branch's.
    pub(super) fn note(&self, branch: &str, commit: &str) -> Result<(), Unwritten> {
        let reference = self.folder().join("refs").join(branch);
        match fs::read_to_string(&reference).is_ok_and(|text| text == commit) {
            true => Ok(()),
            false => replace(&reference, commit.as_bytes()),
        }
    }
}

/// Writes a file that is there as a whole or not at all.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), Unwritten> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|cause| (folder.to_owned(), cause))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.join(unique_name(&format!(".{name}")));
    let written = File::create(&aside)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&aside, path));
    written.map_err(|cause| (path.to_owned(), cause))
}

/// A word of the hub's that may be a file's name.
pub(super) fn word(text: &str) -> Option<&str> {
    let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = !text.starts_with('.') && text.len() <= 128 && text.chars().all(is_plain);
    (is_name && !text.is_empty()).then_some(text)
}
