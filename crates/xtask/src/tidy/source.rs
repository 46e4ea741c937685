//! The files that are looked at, and where each belongs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Folders whose contents nobody writes by hand.
const SKIPPED: [&str; 5] = ["target", "runs", "shared", "venv", "__pycache__"];

/// What people write here.
const EXTENSIONS: [&str; 9] = ["rs", "toml", "md", "sh", "py", "cu", "cuh", "cpp", "hpp"];

/// A file, with its path from the workspace's root.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Source {
    /// Whether this is Rust.
    pub(super) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    /// Whether the name ends with a dot and `extension`.
    pub(super) fn has_extension(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|found| found == extension)
    }

    /// Whether all of this is tests: an integration test, or a test module in a file of its own.
    pub(super) fn is_test(&self) -> bool {
        self.path.with_extension("").iter().any(|part| part == "tests")
    }

    /// The crate this file is a part of; the root package's folders stand for themselves.
    pub(super) fn krate(&self) -> &str {
        let mut parts = self.path.iter().filter_map(|part| part.to_str());
        match parts.next() {
            Some("crates") => parts.next().unwrap_or("crates"),
            Some(folder) if self.path.parent() != Some(Path::new("")) => folder,
            _ => ".",
        }
    }
}

/// All files of the workspace, sorted by path.
pub(super) fn all(root: &Path) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| Failure::file(&folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Failure::file(&folder, &error))?;
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.extend(is_ours(&path).then_some(path));
            } else if has_known_extension(&path) {
                sources.push(read(root, &path)?);
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn is_ours(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    !name.starts_with('.') && !SKIPPED.contains(&name)
}

fn has_known_extension(path: &Path) -> bool {
    path.extension().and_then(|text| text.to_str()).is_some_and(|text| EXTENSIONS.contains(&text))
}

fn read(root: &Path, path: &Path) -> Result<Source, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    Ok(Source { path: path.strip_prefix(root).unwrap_or(path).to_path_buf(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_crates() {
        let check = |path: &str, expected: (&str, bool)| {
            let source = Source { path: path.into(), text: String::new() };
            assert_eq!((source.krate(), source.is_test()), expected, "{path}");
        };
        check("crates/data/src/lib.rs", ("data", false));
        check("crates/data/src/order/tests.rs", ("data", true));
        check("tests/parity.rs", ("tests", true));
        check("README.md", (".", false));
    }
}
