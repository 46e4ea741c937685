//! Finds a model or a data set: a directory, or a hub id in the cache that Python shares, fetched where
//! it is not there yet.
//!
//! The network is used only when a hub id was asked for, the cache lacks one of its files, and no
//! variable forbids it.

mod address;
mod cache;
mod client;
mod data_set;
mod download;
mod error;
mod lock;
mod model;
mod partial;
mod refusal;
mod repo;
mod settings;
mod splits;
mod subject;
mod tree;

use std::path::{Path, PathBuf};

pub use data_set::find_split;
pub use error::HubError;
pub use refusal::{Reason, Refusal};
pub use settings::{HubSettings, Misset};
pub use splits::{SplitFault, SplitName};
pub use subject::{Kind, Subject};

/// The directory that holds the files of the model `name`.
///
/// # Errors
/// [`HubError`], with both readings of the name where it has two.
pub fn find_model(name: &str, settings: &HubSettings) -> Result<PathBuf, HubError> {
    let path = Path::new(name);
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    if path.exists() {
        return Err(HubError::IsFile { name: name.to_owned() });
    }
    if !is_hub_id(name) {
        return Err(HubError::NoDirectory { name: name.to_owned() });
    }
    model::fetch(name, settings)
}

/// `name` or `owner/name`, of the characters the hub allows.
fn is_hub_id(name: &str) -> bool {
    let is_word = |word: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !word.is_empty() && word.len() <= 96 && word.chars().all(legal) && !word.starts_with('.')
    };
    let words: Vec<&str> = name.split('/').collect();
    words.len() <= 2 && words.into_iter().all(is_word)
}

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
