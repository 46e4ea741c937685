//! A directory whose folders are classes and whose files are texts, as the review corpus aclImdb has them.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lockstep_world::file_content;

use crate::bad_row::{BadRowKind, ROW_LIMIT};
use crate::dialect::{Dialect, TextEncoding};
use crate::error::DataError;
use crate::file_set_error::FileSetError;
use crate::format::Format;
use crate::recoded::Recoded;

/// The folder of aclImdb whose texts have no label.
pub(crate) const UNLABELLED: &str = "unsup";

/// The texts of a directory.
#[derive(Debug)]
pub(crate) struct ClassFolders {
    /// Each file with the class whose folder it is in, by class, then by name.
    pub(crate) files: Vec<(String, PathBuf)>,
    /// Whether there is a folder of texts without a label, which are left out.
    pub(crate) has_unlabelled: bool,
}

impl ClassFolders {
    /// Those of the directory `path`; nothing where it holds data files or no folders with texts.
    ///
    /// # Errors
    /// [`FileSetError::FolderInClass`], and [`DataError::CannotOpen`] for a folder that cannot be listed.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, DataError> {
        let (mut folders, files): (Vec<_>, Vec<_>) =
            entries(path)?.into_iter().partition(|entry| path.join(entry).is_dir());
        let is_data = |name: &String| Format::of(Path::new(name)).is_some();
        if files.iter().any(is_data) {
            return Ok(None);
        }
        let count = folders.len();
        folders.retain(|folder| folder != UNLABELLED);
        let mut found = Self { files: Vec::new(), has_unlabelled: folders.len() < count };
        for class in folders {
            let folder = path.join(&class);
            let names = entries(&folder)?;
            if names.iter().any(is_data) {
                return Ok(None);
            }
            for name in names {
                let file = folder.join(&name);
                if file.is_dir() {
                    return Err(FileSetError::FolderInClass { path: folder, folder: name }.into());
                }
                found.files.push((class.clone(), file));
            }
        }
        Ok((!found.files.is_empty()).then_some(found))
    }
}

/// What is in a folder, sorted by name, without what is hidden.
fn entries(folder: &Path) -> Result<Vec<String>, DataError> {
    let refused = |source| DataError::CannotOpen { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let name = entry.map_err(refused)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The text in the file at `path`.
///
/// # Errors
/// [`DataError::CannotOpen`]; the inner one is what is wrong with the text.
pub(crate) fn text(path: &Path, dialect: Dialect) -> Result<Result<String, BadRowKind>, DataError> {
    let bytes = match file_content(path, ROW_LIMIT as u64) {
        Err(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {
            return Ok(Err(BadRowKind::TooLong));
        }
        read => read.map_err(|source| DataError::CannotOpen { path: path.to_owned(), source })?,
    };
    let mut text = Vec::new();
    let named = dialect.encoding.and_then(TextEncoding::foreign);
    if Recoded::new(&bytes[..], named).read_to_end(&mut text).is_err() {
        return Ok(Err(BadRowKind::WrongEncoding));
    }
    let Ok(text) = String::from_utf8(text) else { return Ok(Err(BadRowKind::InvalidUtf8)) };
    let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
    Ok(match text {
        text if text.contains('\0') => Err(BadRowKind::NulByte),
        text if text.trim().is_empty() => Err(BadRowKind::EmptyText),
        text => Ok(text.to_owned()),
    })
}
