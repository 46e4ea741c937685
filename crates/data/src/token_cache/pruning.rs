//! The size of the cache: what was not used for long is removed, and the oldest where there is too much.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a file stays that no run uses.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a file stays that was never finished.
const UNFINISHED: Duration = Duration::from_secs(24 * 3600);
/// Bytes of all files together.
const MOST: u64 = 32 << 30;

/// Digits of a key.
const KEY: usize = 32;
const KINDS: [&str; 4] = [".tokens", ".labels", ".sample", ".file"];

/// A file of the cache.
struct Kept {
    age: Duration,
    bytes: u64,
    path: PathBuf,
}

/// Removes from `folder` what is old or too much, but not `fresh`.
pub(super) fn prune(folder: &Path, fresh: &Path) {
    let mut kept = files(folder);
    kept.retain(|file| file.path != fresh);
    // The last used comes first.
    kept.sort_by_key(|file| file.age);
    let mut bytes = fs::metadata(fresh).map_or(0, |found| found.len());
    for Kept { age, bytes: length, path } in kept {
        bytes = bytes.saturating_add(length);
        let is_unfinished = path.extension().is_some_and(|extension| extension == "part");
        if bytes > MOST || age > UNUSED || is_unfinished && age > UNFINISHED {
            let _ = fs::remove_file(path);
        }
    }
}

/// The files in `folder` that are the cache's by their names.
fn files(folder: &Path) -> Vec<Kept> {
    let now = SystemTime::now();
    let kept = |entry: fs::DirEntry| {
        let path = entry.path();
        let name = path.file_name()?.to_str()?;
        let (key, rest) = name.split_at_checked(KEY)?;
        let is_key = key.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_kind = KINDS.iter().any(|kind| {
            rest.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if !is_key || !is_kind {
            return None;
        }
        let found = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let age = now.duration_since(found.modified().ok()?).unwrap_or_default();
        Some(Kept { age, bytes: found.len(), path })
    };
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| kept(entry.ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_files_of_the_cache_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(24 * 3600);
        let make = |name: &str, days: u32| {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - day * days).unwrap();
        };
        let name = |digit: &str, rest: &str| digit.repeat(KEY) + rest;
        for (name, days) in [
            (name("a", ".tokens"), 1),
            (name("b", ".tokens"), 40),
            (name("c", ".labels"), 40),
            (name("d", ".tokens.1.part"), 0),
            (name("e", ".tokens.1.part"), 2),
            (name("f", ".tokens"), 400),
            ("mine.tokens".to_owned(), 400),
            (name("0", ".txt"), 400),
        ] {
            make(&name, days);
        }
        prune(folder.path(), &folder.path().join(name("f", ".tokens")));
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let expected = [
            name("0", ".txt"),
            name("a", ".tokens"),
            name("d", ".tokens.1.part"),
            name("f", ".tokens"),
            "mine.tokens".to_owned(),
        ];
        assert_eq!(left, expected);
    }
}
