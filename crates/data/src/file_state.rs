//! Which content a file had when it was read, told by what the system notes of it.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use lockstep_world::open_file;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

/// What changes whenever a file is written to, or another one takes its place. A program can set back the
/// time of a change of the content, but not that of a change of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    device: u64,
    number: u64,
    pub(crate) length: u64,
    modified: [i64; 2],
    changed: [i64; 2],
}

impl FileState {
    /// That of the file at `path`; nothing where that is not a regular file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Self {
            device: found.dev(),
            number: found.ino(),
            length: found.len(),
            modified: [found.mtime(), found.mtime_nsec()],
            changed: [found.ctime(), found.ctime_nsec()],
        })
    }

    /// Whether the file at `path` has this state.
    pub(crate) fn is_of(&self, path: &Path) -> bool {
        Self::of(path).as_ref() == Some(self)
    }

    /// Whether a later change is certain to have another time: clocks of file systems count two seconds
    /// at most as one.
    pub(crate) fn is_settled(&self) -> bool {
        const COARSEST: Duration = Duration::from_secs(2);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let last = self.modified[0].max(self.changed[0]);
        u64::try_from(last).is_ok_and(|last| Duration::from_secs(last + 1) + COARSEST < now)
    }
}

/// The hash of the content of the file at `path`.
pub(crate) fn content_hash(path: &Path) -> io::Result<u128> {
    const AT_ONCE: usize = 1 << 20;
    let mut file = open_file(path)?;
    let mut hash = XxHash3_128::default();
    let mut bytes = vec![0; AT_ONCE];
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(hash.finish_128()),
            count => hash.write(bytes.get(..count).unwrap_or_default()),
        }
    }
}
