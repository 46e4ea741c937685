//! A file that a run appends to as long as it can: what only reports does not end a run.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file; it is opened when something is first appended.
#[derive(Debug)]
pub(super) struct Appended {
    path: PathBuf,
    open: fn(&Path) -> io::Result<File>,
    end: Option<File>,
    /// The length that a failed write has to be cut back to.
    whole: Option<u64>,
    is_failing: bool,
}

impl Appended {
    /// The file at `path`, which `open` opens to append to.
    pub(super) fn at(path: PathBuf, open: fn(&Path) -> io::Result<File>) -> Self {
        Self { path, open, end: None, whole: None, is_failing: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends all of `bytes` or nothing. The first of several failures is a warning.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let written = self.try_append(bytes);
        self.warn(written);
    }

    /// Warns where something failed and the last attempt did not.
    pub(super) fn warn(&mut self, outcome: io::Result<()>) {
        match outcome {
            Ok(()) => self.is_failing = false,
            Err(cause) if !self.is_failing => {
                self.is_failing = true;
                tracing::warn!(
                    "{} cannot be written ({cause}): the run continues, and this file lacks what it \
                     reports until then",
                    self.path.display()
                );
            }
            Err(_) => {}
        }
    }

    fn try_append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.end.is_none() {
            self.end = Some((self.open)(&self.path)?);
        }
        let Some(end) = &mut self.end else { return Ok(()) };
        if let Some(length) = self.whole {
            end.set_len(length)?;
            self.whole = None;
        }
        let before = end.metadata()?.len();
        end.write_all(bytes).inspect_err(|_| {
            self.whole = end.set_len(before).is_err().then_some(before);
        })
    }

    /// Whether the last attempt failed.
    #[cfg(test)]
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing
    }
}
