//! What is wrong with a file, before its path is known.

use std::path::Path;

use super::TokenizerError;

/// A fault of the file, whose path is known one level up.
pub(super) enum Fault {
    Malformed(String),
    Foreign { part: &'static str, found: String, expected: &'static str },
}

impl Fault {
    /// The same with the path of the file.
    pub(super) fn at(self, path: &Path) -> TokenizerError {
        let path = path.to_owned();
        match self {
            Self::Malformed(reason) => TokenizerError::Malformed { path, reason },
            Self::Foreign { part, found, expected } => {
                TokenizerError::Foreign { path, part, found, expected }
            }
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Whether a part is what is expected.
///
/// # Errors
/// [`Fault::Foreign`] with what it is.
pub(super) fn same(
    part: &'static str,
    found: Option<&str>,
    expected: &'static str,
) -> Result<(), Fault> {
    match found {
        Some(found) if found == expected => Ok(()),
        Some(found) => {
            Err(Fault::Foreign { part, found: crate::excerpt::excerpt(found), expected })
        }
        None => Err(Fault::Foreign { part, found: "missing".to_owned(), expected }),
    }
}
