//! The files of one set, as a user names them: a path, paths with commas between them, patterns, or the
//! directory of a saved data set.

use std::fs;
use std::path::{Path, PathBuf};

use glob::MatchOptions;
use lockstep_world::file_content;
use serde::Deserialize;

use crate::error::DataError;
use crate::excerpt::excerpt;
use crate::file_set_error::FileSetError;

/// The bytes that are read of a `state.json` at most.
const LIMIT: u64 = 1 << 22;
/// The files that a pattern may have; more are a mistake.
const MOST: usize = 100_000;

/// The files of one set, in the order in which they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSet {
    /// What messages call the set.
    pub name: PathBuf,
    /// Its files; a directory is one whose folders are classes.
    pub files: Vec<PathBuf>,
}

impl From<PathBuf> for FileSet {
    /// The set of one file.
    fn from(path: PathBuf) -> Self {
        Self { files: vec![path.clone()], name: path }
    }
}

impl FileSet {
    /// The files that `name` means. What is there under the whole name is meant; else what is there
    /// under each part between commas, and where a part has one of `*?[`, all files that fit, by name.
    ///
    /// # Errors
    /// [`DataError`] for a pattern without files, a file that is named twice, and the directory of a data
    /// set that is not whole.
    pub fn find(name: &Path) -> Result<Self, DataError> {
        let mut files: Vec<PathBuf> = Vec::new();
        for part in parts(name) {
            for path in matching(&part)? {
                files.extend(of_saved(&path)?.unwrap_or_else(|| vec![path]));
            }
        }
        let mut sorted: Vec<&PathBuf> = files.iter().collect();
        sorted.sort();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some([twice, _]) => Err(FileSetError::NamedTwice { path: (*twice).clone() }.into()),
            _ => Ok(Self { name: name.to_owned(), files }),
        }
    }
}

/// The parts of `name` between commas; one where there is something under the whole name.
fn parts(name: &Path) -> Vec<PathBuf> {
    match name.to_str() {
        Some(text) if text.contains(',') && !name.exists() => {
            text.split(',').map(|part| part.trim().into()).collect()
        }
        _ => vec![name.to_owned()],
    }
}

/// The path itself, or the files that fit a pattern.
fn matching(part: &Path) -> Result<Vec<PathBuf>, DataError> {
    let Some(pattern) = part.to_str().filter(|text| is_pattern(text) && !part.exists()) else {
        return Ok(vec![part.to_owned()]);
    };
    let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::new() };
    let faulty = |reason: String| FileSetError::Pattern { pattern: part.to_owned(), reason };
    let found = glob::glob_with(pattern, options)
        .map_err(|error| faulty(format!("this is not a pattern: {}", error.msg)))?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| DataError::CannotOpen {
            path: error.path().to_owned(),
            source: error.into(),
        })?;
        if !path.is_dir() {
            files.push(path);
        }
        if files.len() > MOST {
            return Err(faulty(format!("more than {MOST} files fit this pattern")).into());
        }
    }
    match files.is_empty() {
        true => Err(faulty("no file matches this pattern".to_owned()).into()),
        false => Ok(files),
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// `state.json`, as `save_to_disk` of `datasets` writes it.
#[derive(Deserialize)]
struct State {
    #[serde(rename = "_data_files")]
    files: Vec<StateFile>,
    /// Files of a version that kept the order of the rows apart.
    #[serde(rename = "_indices_files", alias = "_indices_data_files", default)]
    order: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct StateFile {
    filename: String,
}

/// The files of the data set that `datasets` saved in the directory `path`; nothing where it is none.
fn of_saved(path: &Path) -> Result<Option<Vec<PathBuf>>, DataError> {
    if path.join("dataset_dict.json").is_file() {
        let splits = splits(path);
        return Err(FileSetError::Splits { path: path.to_owned(), splits }.into());
    }
    let state = path.join("state.json");
    if !state.is_file() {
        return Ok(None);
    }
    let faulty = |reason: String| {
        DataError::from(FileSetError::SavedDataset { path: state.clone(), reason })
    };
    let bytes = file_content(&state, LIMIT).map_err(|cause| faulty(cause.to_string()))?;
    let State { files, order } = serde_json::from_slice(&bytes)
        .map_err(|cause| faulty(format!("it is not the state of a saved data set ({cause})")))?;
    if order.is_some_and(|order| order.as_array().is_none_or(|files| !files.is_empty())) {
        return Err(faulty(
            "it keeps the order of the rows in a file apart, as old versions did".to_owned(),
        ));
    }
    let is_plain = |name: &str| Path::new(name).file_name().is_some_and(|own| own == name);
    if let Some(other) = files.iter().find(|file| !is_plain(&file.filename)) {
        return Err(faulty(format!("{} is not a file of the directory", excerpt(&other.filename))));
    }
    match files.is_empty() {
        true => Err(faulty("it names no files".to_owned())),
        false => Ok(Some(files.iter().map(|file| path.join(&file.filename)).collect())),
    }
}

/// The saved data sets in `directory`.
fn splits(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let saved = entries.filter(|entry| entry.path().join("state.json").is_file());
    let mut names: Vec<String> = saved.map(|entry| entry.path().display().to_string()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path, name: &str) -> Result<Vec<String>, String> {
        let found = FileSet::find(&folder.join(name))
            .map_err(|error| error.to_string().replace(&folder.display().to_string(), "DIR"))?;
        let name = |path: &PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
        Ok(found.files.iter().map(name).collect())
    }

    #[test]
    fn a_name_stands_for_files() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for name in ["b.csv", "a.csv", "c,d.csv", "part[1].csv", ".hidden.csv", "sub/e.csv"] {
            fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs::write(folder.join(name), "").unwrap();
        }
        let list = |names: &[&str]| -> String {
            names
                .iter()
                .map(|name| folder.join(name).display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let check = |name: &str, expected: &[&str]| {
            assert_eq!(files(folder, name).unwrap(), expected, "{name}");
        };
        check("a.csv", &["a.csv"]);
        check("absent.csv", &["absent.csv"]);
        check("c,d.csv", &["c,d.csv"]);
        check("part[1].csv", &["part[1].csv"]);
        check("[ab].csv", &["a.csv", "b.csv"]);
        check("*.csv", &["a.csv", "b.csv", "c,d.csv", "part[1].csv"]);
        check("**/e.csv", &["sub/e.csv"]);
        check(&list(&["b.csv", "a.csv"]), &["b.csv", "a.csv"]);
        check(&list(&["b.csv", "sub/*.csv"]), &["b.csv", "sub/e.csv"]);
        let first =
            |name: &str| files(folder, name).unwrap_err().lines().next().unwrap().to_owned();
        assert_eq!(first("*.tsv"), "DIR/*.tsv: no file matches this pattern");
        assert_eq!(
            first(&list(&["a.csv", "*.csv"])),
            "DIR/a.csv: the file is named twice in one set"
        );
    }
}
