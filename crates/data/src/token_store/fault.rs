//! Why a token file cannot be used.

use std::io;

/// Why bytes of a token store cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreFault {
    /// The system's.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// They are not those that were written.
    #[error("{0}")]
    Damaged(&'static str),
    /// It was made from other texts, with another tokenizer or other settings.
    #[error("it holds the tokens of other texts or settings")]
    Foreign,
}

impl StoreFault {
    /// Whether there is no file.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Io(cause) if cause.kind() == io::ErrorKind::NotFound)
    }
}
