//! Where test inputs are.

use std::path::{Path, PathBuf};

use crate::skip;

/// The folder that holds `data/` and `models/`, where it is not the repository itself.
const DATA: &str = "LOCKSTEP_DATA";

/// A file or directory below `tests/reference`, made by the programs that lie there.
#[must_use]
pub fn reference(name: &str) -> PathBuf {
    root().join("tests/reference").join(name)
}

/// A file or directory below `data/` or `models/`: real data and models that a user has put there.
///
/// Both are folders of `LOCKSTEP_DATA`, or of the repository, where git ignores them. Without the
/// file the test is skipped: this returns nothing.
#[must_use]
pub fn real(name: &str) -> Option<PathBuf> {
    let place = std::env::var_os(DATA).map_or_else(|| root().to_owned(), PathBuf::from);
    let path = place.join(name);
    if path.exists() {
        return Some(path);
    }
    skip(format_args!("there is no {name} in {}; see {DATA} in CONTRIBUTING.md", place.display()));
    None
}

fn root() -> &'static Path {
    // CARGO_MANIFEST_DIR is <root>/crates/testkit.
    let krate = Path::new(env!("CARGO_MANIFEST_DIR"));
    krate.ancestors().nth(2).unwrap_or(krate)
}
