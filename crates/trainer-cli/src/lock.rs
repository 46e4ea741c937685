//! One run in an output directory at a time.
//!
//! The lock is the kernel's, on the file `run.lock`, so it is gone when its process is, however that
//! ended. On NFS, Linux turns it into a lock of the server's. The file itself says who has it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockstep_host::host_name;
use serde::{Deserialize, Serialize};

/// The lock's name in the directory.
pub(crate) const NAME: &str = "run.lock";

/// A lock that is held until this is dropped, or the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    /// Directories that were made for it, the innermost first.
    made: Vec<PathBuf>,
    _file: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another process has it; this says which.
    Held(String),
    /// Its file cannot be written.
    Failed(io::Error),
}

/// Who has a lock.
#[derive(Serialize, Deserialize)]
struct Holder {
    host: String,
    pid: u32,
}

impl Lock {
    /// Locks a directory, which is made where it is missing.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) fn take(directory: &Path) -> Result<Self, Refused> {
        let path = directory.join(NAME);
        let missing = directory.ancestors().take_while(|path| !path.exists());
        let made = missing.filter(|path| !path.as_os_str().is_empty()).map(PathBuf::from).collect();
        fs::create_dir_all(directory).map_err(Refused::Failed)?;
        let mut options = OpenOptions::new();
        options.create(true).read(true).write(true).truncate(false);
        loop {
            let mut file = options.open(&path).map_err(Refused::Failed)?;
            lock(&file, &path)?;
            // The previous holder may have removed it while this process waited to open it.
            if is_at(&file, &path) {
                let written = write_holder(&mut file);
                let lock = Self { path, made, _file: file };
                return written.map(|()| lock).map_err(Refused::Failed);
            }
        }
    }

    /// Who has a directory's lock now.
    pub(crate) fn holder(directory: &Path) -> Option<String> {
        let path = directory.join(NAME);
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        matches!(file.try_lock(), Err(TryLockError::WouldBlock)).then(|| holder_in_words(&path))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        // What a run has written to stays.
        let _ = self.made.iter().try_for_each(fs::remove_dir);
    }
}

/// How long a lock is tried for: a process that only asks for the holder has it for a moment.
const MOMENTS: u32 = 5;
const MOMENT: Duration = Duration::from_millis(20);

/// Where a file system has no locks, the run continues without one.
fn lock(file: &File, path: &Path) -> Result<(), Refused> {
    for _ in 0..MOMENTS {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(MOMENT),
            Err(TryLockError::Error(cause)) => {
                tracing::warn!(
                    "{} cannot be locked ({cause}); make sure that no other run writes to this directory",
                    path.display()
                );
                return Ok(());
            }
        }
    }
    Err(Refused::Held(holder_in_words(path)))
}

fn is_at(file: &File, path: &Path) -> bool {
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => place(open) == place(named),
        _ => false,
    }
}

fn write_holder(file: &mut File) -> io::Result<()> {
    let holder = Holder { host: host_name(), pid: std::process::id() };
    file.set_len(0)?;
    file.write_all(serde_json::to_string(&holder)?.as_bytes())
}

/// The holder in words.
fn holder_in_words(path: &Path) -> String {
    const LONGEST: u64 = 1024;
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    let holder: Option<Holder> = read.ok().and_then(|_| serde_json::from_str(&text).ok());
    match holder {
        Some(Holder { host, pid }) => format!("process {pid} on {}", host.escape_debug()),
        None => "a process that has not yet written its number".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_the_lock_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("runs/first");
        let first = Lock::take(&directory).unwrap();
        let named = format!("process {} on {}", std::process::id(), host_name());
        assert_eq!(Lock::holder(&directory), Some(named.clone()));
        assert!(matches!(Lock::take(&directory), Err(Refused::Held(by)) if by == named));
        drop(first);
        assert!(!folder.path().join("runs").exists(), "a lock left a trace");
        assert_eq!(Lock::holder(&directory), None);
    }

    #[test]
    fn a_lock_that_a_dead_process_left_is_free() {
        let folder = tempfile::tempdir().unwrap();
        for left in ["", "{\"host\":\"elsewhere\",\"pid\":1}", "\u{0}\u{1}"] {
            fs::write(folder.path().join(NAME), left).unwrap();
            assert_eq!(Lock::holder(folder.path()), None);
            drop(Lock::take(folder.path()).unwrap());
            assert!(folder.path().exists(), "a directory that was there before is gone");
        }
    }
}
