//! Where test inputs are.

use std::path::{Path, PathBuf};

/// A file or directory below `tests/reference`, made by the programs that lie there.
#[must_use]
pub fn reference(name: &str) -> PathBuf {
    root().join("tests/reference").join(name)
}

/// A file or directory below `data/` or `models/`, which git ignores: real data and models that a
/// user has put there.
///
/// Without it, this prints `skipped: …` and returns nothing.
#[must_use]
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
pub fn real(name: &str) -> Option<PathBuf> {
    let path = root().join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
