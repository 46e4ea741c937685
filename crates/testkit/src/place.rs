//! Where test inputs are.

use std::path::{Path, PathBuf};

/// A file or directory below `tests/reference`, made by the programs that lie there.
#[must_use]
pub fn reference(name: &str) -> PathBuf {
    root().join("tests/reference").join(name)
}

/// A file or directory of the real data and models beside the repository, where somebody put them.
///
/// Without it, says `skipped: …` and gives nothing: the caller's test has nothing to look at.
#[must_use]
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {name} is not beside the repository");
    None
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
