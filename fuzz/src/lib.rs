//! What the fuzz targets share: an input as files, in a directory of memory.

use std::fs;
use std::path::{Path, PathBuf};

/// Between the files of an input that is several files; no text has this byte.
pub const BORDER: u8 = 0xff;

/// A directory of this process for the files of an input.
pub fn directory() -> PathBuf {
    let parent = Path::new("/dev/shm");
    let parent = if parent.is_dir() { parent.to_owned() } else { std::env::temp_dir() };
    let path = parent.join(format!("lockstep-fuzz-{}", std::process::id()));
    fs::create_dir_all(&path).expect("memory has room");
    path
}

/// An input as a file of this name.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory().join(name);
    fs::write(&path, bytes).expect("memory has room");
    path
}

/// An input as the files of these names, in a directory that has no other ones; a part that is empty is
/// not written.
pub fn files(names: &[&str], bytes: &[u8]) -> PathBuf {
    let mut parts = bytes.splitn(names.len(), |byte| *byte == BORDER);
    for name in names {
        match parts.next().unwrap_or_default() {
            [] => drop(fs::remove_file(directory().join(name))),
            part => drop(file(name, part)),
        }
    }
    directory()
}
