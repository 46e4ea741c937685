//! Files that changed between two times at which they were read.

use std::path::PathBuf;

/// A file that is not what it was.
#[derive(Debug, thiserror::Error)]
pub enum ChangedFile {
    /// A data file, whose texts are read once more when they are tokenised.
    #[error(
        "{}: the file changed while it was read\n  \
         hint: wait until it is written, then start again",
        .path.display()
    )]
    Data {
        /// The file.
        path: PathBuf,
    },
    /// A token file.
    #[error(
        "{}: the tokens cannot be read: {reason}\n  \
         hint: {}start the run again, which tokenises the texts anew",
        .path.display(), if *.is_removed { "the file was removed; " } else { "" }
    )]
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Whether it was removed, so that the next run makes it anew.
        is_removed: bool,
    },
}
