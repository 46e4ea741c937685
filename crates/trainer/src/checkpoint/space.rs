//! Bytes on disks.

use std::fs;
use std::path::Path;

/// The bytes that are free on the disk of a directory; nothing where the system does not tell.
#[must_use]
pub fn free_bytes(directory: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(directory).ok()?;
    // Some file systems tell nothing.
    (system.f_blocks > 0).then(|| system.f_bavail.saturating_mul(system.f_frsize))
}

/// The bytes of the files directly inside a directory; 0 where it cannot be read.
#[must_use]
pub fn bytes_of_files(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| fs::metadata(entry.path()).ok());
    files.filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}
