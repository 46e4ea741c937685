//! Weights in several files, and the index that says which.
//!
//! `model.safetensors.index.json` and `pytorch_model.bin.index.json` map the name of each tensor to
//! the file beside the index that holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use lockstep_world::file_content;
use serde::Deserialize;

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file system refused.
    #[error("cannot read {}: {cause}", path.display())]
    Io {
        /// The index.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is not an index, or a name in it is not that of a file beside it.
    #[error(
        "{} is not a readable index file: {cause}; it may be cut short or damaged: \
         compare its size with the original, or download it again",
        path.display()
    )]
    Malformed {
        /// The index.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
}

/// The endings of an index's name.
pub const INDEX_ENDING: &str = ".index.json";
/// Far more than the index of a model with a thousand blocks.
const LARGEST_INDEX: u64 = 64 << 20;
/// More files than any model is split into.
const MOST_FILES: usize = 1000;

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The files that an index names, each once, in the order of their names.
///
/// # Errors
/// [`IndexError`] when the index cannot be read, or a name in it is not that of a file beside it.
pub fn shards(index: &Path) -> Result<Vec<String>, IndexError> {
    let cannot = |cause| IndexError::Io { path: index.to_owned(), cause };
    let malformed = |cause: String| IndexError::Malformed { path: index.to_owned(), cause };
    let text = file_content(index, LARGEST_INDEX).map_err(|cause| match cause.kind() {
        io::ErrorKind::FileTooLarge => {
            malformed(format!("it has more than {} MiB", LARGEST_INDEX >> 20))
        }
        _ => cannot(cause),
    })?;
    let Index { weight_map } =
        serde_json::from_slice(&text).map_err(|cause| malformed(cause.to_string()))?;
    let names: BTreeSet<String> = weight_map.into_values().collect();
    if let Some(name) = names.iter().find(|name| !is_beside(name)) {
        let name: String = name.chars().take(100).collect();
        return Err(malformed(format!(
            "`{name}` is not the name of a tensor file in the same directory"
        )));
    }
    match names.len() {
        0 => Err(malformed("it names no file".to_owned())),
        1..=MOST_FILES => Ok(names.into_iter().collect()),
        count => Err(malformed(format!("it names {count} files"))),
    }
}

/// A plain name, of a file of the kinds that an index is made for.
fn is_beside(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_tensors = name.ends_with(".safetensors") || name.ends_with(".bin");
    is_tensors && !name.starts_with('.') && name.len() <= 128 && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<String>, IndexError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors.index.json");
        std::fs::write(&path, text).unwrap();
        shards(&path)
    }

    #[test]
    fn an_index_names_files_beside_it_and_nothing_else() {
        let map = r#"{"metadata": {"total_size": 1}, "weight_map":
            {"a": "m-2.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"}}"#;
        assert_eq!(of(map).unwrap(), ["m-1.safetensors", "m-2.safetensors"]);
        for name in ["../m.bin", "/m.bin", ".m.bin", "a/m.bin", "m.index.json", "", "a\\u0000.bin"]
        {
            let error = of(&format!(r#"{{"weight_map": {{"a": "{name}"}}}}"#)).unwrap_err();
            assert!(error.to_string().contains("not the name of a tensor file"), "{name}: {error}");
        }
        for text in ["", "{}", "[]", r#"{"weight_map": {}}"#, r#"{"weight_map": {"a": 1}}"#] {
            assert!(matches!(of(text), Err(IndexError::Malformed { .. })), "{text}");
        }
    }
}
