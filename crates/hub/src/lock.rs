//! One process of a machine downloads, and the others wait for it.
//!
//! A lock is that of `flock`, as in Python's `filelock`: the system releases it when its holder ends,
//! however that ends. A wait ends when the holder shows no sign of life for long: what it writes
//! grows, and its lock is touched while it waits for the hub. There are file systems that give a lock to
//! everyone (Lustre, some of NFS), so no content depends on one.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use lockstep_host::streams;

/// How often a lock is looked at again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the signs of life are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// When it is said that another process is waited for.
const SILENCE: Duration = Duration::from_secs(5);
/// How often it is said again.
const NEWS: Duration = Duration::from_secs(30);

/// A lock that this process holds.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Lets those that wait know that the holder lives.
    pub(super) fn touch(&self) {
        // Where times cannot be set, the others wait as long as for a silent holder.
        let _ = self.0.set_modified(SystemTime::now());
    }
}

/// How the wait for a lock ended.
#[derive(Debug)]
pub(super) struct Turn {
    /// The lock; nothing where it cannot be had, or tells nothing.
    pub(super) lock: Option<Lock>,
    /// Whether another process had it.
    pub(super) has_waited: bool,
}

/// What is waited for.
pub(super) struct Awaited<'a> {
    /// What the other process downloads, for messages.
    pub(super) what: &'a str,
    /// Where it writes.
    pub(super) folder: &'a Path,
    /// How long it may show no sign of life.
    pub(super) patience: Duration,
}

impl Awaited<'_> {
    /// Takes the lock at `path` once it is free.
    pub(super) fn turn(&self, path: &Path) -> Turn {
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let Some(mut file) = folder.ok().and_then(|()| open(path)) else {
            return Turn { lock: None, has_waited: false };
        };
        let (start, mut said) = (Instant::now(), None);
        let mut signs = Signs::of(self.folder, path);
        let mut has_waited = false;
        loop {
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => {
                    let lock = is_kept(path).then_some(Lock(file));
                    return Turn { lock, has_waited };
                }
                // The file was removed, and another one may be locked by now.
                Ok(()) => match open(path) {
                    Some(another) => {
                        file = another;
                        continue;
                    }
                    None => return Turn { lock: None, has_waited },
                },
                Err(TryLockError::Error(_)) => return Turn { lock: None, has_waited },
                Err(TryLockError::WouldBlock) => has_waited = true,
            }
            if !signs.are_fresh(self, path) {
                self.give_up(path);
                return Turn { lock: None, has_waited };
            }
            let is_due =
                said.map_or(start.elapsed() > SILENCE, |last: Instant| last.elapsed() > NEWS);
            if is_due {
                said = Some(Instant::now());
                self.report(&signs, path);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn report(&self, signs: &Signs, path: &Path) {
        let megabytes = signs.partial_bytes / 1_000_000;
        streams::print_error_line(format_args!(
            "waiting for another process, which downloads {}: {megabytes} MB of the current file so \
             far (lock {})",
            self.what,
            path.display()
        ));
    }

    fn give_up(&self, path: &Path) {
        tracing::warn!(
            "another process holds {} and has downloaded nothing of {} for {} s; downloading without \
             waiting for it",
            path.display(),
            self.what,
            self.patience.as_secs()
        );
    }
}

/// What shows that another process lives.
struct Signs {
    seen: Vec<(PathBuf, u64, Option<SystemTime>)>,
    partial_bytes: u64,
    last_look: Instant,
    last_change: Instant,
}

impl Signs {
    fn of(folder: &Path, lock: &Path) -> Self {
        let now = Instant::now();
        let (seen, partial_bytes) = signs(folder, lock);
        Self { seen, partial_bytes, last_look: now, last_change: now }
    }

    fn are_fresh(&mut self, awaited: &Awaited<'_>, lock: &Path) -> bool {
        if self.last_look.elapsed() >= LOOK.min(awaited.patience) {
            self.last_look = Instant::now();
            let (seen, partial_bytes) = signs(awaited.folder, lock);
            if seen != self.seen {
                (self.seen, self.partial_bytes) = (seen, partial_bytes);
                self.last_change = Instant::now();
            }
        }
        self.last_change.elapsed() < awaited.patience
    }
}

/// The files of a folder, the lock, and the bytes of those that are not complete.
fn signs(folder: &Path, lock: &Path) -> (Vec<(PathBuf, u64, Option<SystemTime>)>, u64) {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut seen: Vec<_> = files
        .chain([lock.to_owned()])
        .filter_map(|path| {
            let found = fs::metadata(&path).ok()?;
            Some((path, found.len(), found.modified().ok()))
        })
        .collect();
    seen.sort();
    let is_partial = |path: &Path| path.extension().is_some_and(|ending| ending == "incomplete");
    let partial = seen.iter().filter(|(path, ..)| is_partial(path)).map(|(_, length, _)| length);
    let bytes = partial.sum();
    (seen, bytes)
}

/// The file of a lock; one of another user may be readable only, which suffices.
fn open(path: &Path) -> Option<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    options.open(path).or_else(|_| File::open(path)).ok()
}

fn is_at(file: &File, path: &Path) -> bool {
    let found = file.metadata().ok().zip(fs::metadata(path).ok());
    found.is_some_and(|(ours, there)| (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
}

/// Whether a lock that is held keeps others out.
fn is_kept(path: &Path) -> bool {
    open(path).is_none_or(|second| second.try_lock().is_err())
}
