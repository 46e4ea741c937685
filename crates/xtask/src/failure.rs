//! Why a chore failed: one message for the person who ran it.
//!
//! Nobody handles these failures by kind, so they are text; each says what, where and what to do.

use std::fmt;
use std::path::Path;

/// A message that is fit to be shown.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure with this message.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A file or directory that could not be used.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }

    /// Fails if a chore that takes no arguments was given some.
    pub(crate) fn unless_empty(arguments: &[String]) -> Result<(), Self> {
        match arguments.first() {
            None => Ok(()),
            Some(first) => Err(Self(format!("takes no arguments, but got `{first}`"))),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
