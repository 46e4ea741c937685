//! The cache on disk, laid out as Python's `huggingface_hub` does.
//!
//! ```text
//! models--owner--name/refs/main                 the revision
//! models--owner--name/snapshots/<revision>/f    a link to the content
//! models--owner--name/blobs/<etag>              the content; `.incomplete` behind it while it comes
//! .locks/models--owner--name/<etag>.lock        held by the process that fetches the content
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lockstep_host::streams;
use lockstep_world::unique_name;

/// How often a lock is looked at again.
const PAUSE: Duration = Duration::from_millis(100);
/// When it is said that another process is waited for.
const SILENCE: Duration = Duration::from_secs(5);

/// One model's place in the cache.
#[derive(Clone, Debug)]
pub(super) struct ModelCache {
    cache: PathBuf,
    name: String,
}

/// A write that failed, and where.
pub(super) type Unwritten = (PathBuf, io::Error);

impl ModelCache {
    /// The place of the model `id` in `cache`.
    pub(super) fn new(cache: &Path, id: &str) -> Self {
        Self { cache: cache.to_owned(), name: format!("models--{}", id.replace('/', "--")) }
    }

    fn folder(&self) -> PathBuf {
        self.cache.join(&self.name)
    }

    /// A file of the revision that the branch `main` had when it was last asked for.
    pub(super) fn get(&self, file: &str) -> Option<PathBuf> {
        let commit = fs::read_to_string(self.folder().join("refs/main")).ok()?;
        let path = self.snapshot(word(commit.trim())?, file);
        path.is_file().then_some(path)
    }

    fn snapshot(&self, commit: &str, file: &str) -> PathBuf {
        self.folder().join("snapshots").join(commit).join(file)
    }

    /// Where content of this name lies.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder().join("blobs").join(etag)
    }

    /// Makes the folder of contents.
    pub(super) fn prepare(&self) -> Result<(), Unwritten> {
        let blobs = self.folder().join("blobs");
        fs::create_dir_all(&blobs).map_err(|cause| (blobs, cause))
    }

    /// Takes the lock of a content once it is free; also returns whether another process had it. Where files
    /// cannot be locked there is none.
    pub(super) fn lock(&self, etag: &str) -> (Option<File>, bool) {
        let path = self.cache.join(".locks").join(&self.name).join(format!("{etag}.lock"));
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let Ok(file) = folder.and_then(|()| File::create(&path)) else { return (None, false) };
        let start = Instant::now();
        let mut has_waited = false;
        let mut has_printed = false;
        loop {
            match file.try_lock() {
                Ok(()) => return (Some(file), has_waited),
                Err(TryLockError::Error(_)) => return (None, has_waited),
                Err(TryLockError::WouldBlock) => has_waited = true,
            }
            if !has_printed && start.elapsed() > SILENCE {
                has_printed = true;
                streams::print_error_line(format_args!(
                    "waiting for another process that downloads a file of {} (lock {})",
                    self.name,
                    path.display()
                ));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Makes a content the file of a revision, and that revision the branch's.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<(), Unwritten> {
        let pointer = self.snapshot(commit, file);
        let write = |path: &Path, result: io::Result<()>| result.map_err(|e| (path.to_owned(), e));
        let refs = self.folder().join("refs");
        for folder in [pointer.parent(), Some(&*refs)].into_iter().flatten() {
            write(folder, fs::create_dir_all(folder))?;
        }
        if !pointer.exists() {
            let _ = fs::remove_file(&pointer);
            let target = Path::new("../../blobs").join(etag);
            let linked = std::os::unix::fs::symlink(target, &pointer);
            // Another process may have been faster; a file system may know no links.
            let made = match linked {
                Err(_) if !pointer.exists() => fs::copy(self.blob(etag), &pointer).map(drop),
                _ => Ok(()),
            };
            write(&pointer, made)?;
        }
        let reference = refs.join("main");
        if fs::read_to_string(&reference).is_ok_and(|text| text == commit) {
            return Ok(());
        }
        let aside = refs.join(unique_name(".main"));
        let written = File::create(&aside)
            .and_then(|mut file| file.write_all(commit.as_bytes()))
            .and_then(|()| fs::rename(&aside, &reference));
        write(&reference, written)
    }
}

/// A word of the hub's that may be a file's name.
pub(super) fn word(text: &str) -> Option<&str> {
    let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = !text.starts_with('.') && text.len() <= 128 && text.chars().all(is_plain);
    (is_name && !text.is_empty()).then_some(text)
}
