//! Finds a model: a directory, or a hub id in the cache that Python shares, fetched where it is not
//! there yet.
//!
//! The network is used only when a hub id was asked for, the cache lacks one of its files, and no
//! variable forbids it.

mod error;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, CacheRepo};

pub use error::HubError;
pub use settings::HubSettings;
use settings::{Access, Token};

/// What a model consists of: of each row the first file there is.
const PARTS: [&[&str]; 3] = [
    &["config.json"],
    &["model.safetensors", "pytorch_model.bin"],
    &["tokenizer.json", "vocab.txt"],
];
/// What is taken along where it exists.
const EXTRA: &str = "tokenizer_config.json";

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
    Shelf::of(name, settings)?.fetch()
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

/// One model's place in the cache.
struct Shelf<'a> {
    id: &'a str,
    settings: &'a HubSettings,
    path: &'a Path,
    cache: Cache,
}

impl<'a> Shelf<'a> {
    fn of(id: &'a str, settings: &'a HubSettings) -> Result<Self, HubError> {
        let no_cache = || HubError::NoCache { id: id.to_owned() };
        let path = settings.cache.as_deref().ok_or_else(no_cache)?;
        Ok(Self { id, settings, path, cache: Cache::new(path.to_owned()) })
    }

    fn repo(&self) -> CacheRepo {
        self.cache.model(self.id.to_owned())
    }

    /// The directory with all parts. A model that was changed on the hub since the cache has it
    /// partly is fetched anew once.
    fn fetch(&self) -> Result<PathBuf, HubError> {
        for _ in 0..2 {
            if let Some(folder) = self.cached() {
                return Ok(folder);
            }
            for names in PARTS {
                self.fetch_one_of(names)?;
            }
            if self.repo().get(EXTRA).is_none() {
                self.download(&self.api()?, EXTRA)?;
            }
        }
        self.cached().ok_or_else(|| HubError::Changed { id: self.id.to_owned() })
    }

    /// The directory with all parts, if the cache has them all of one revision.
    fn cached(&self) -> Option<PathBuf> {
        let file = |names: &[&str]| names.iter().find_map(|name| self.repo().get(name));
        let files: Option<Vec<PathBuf>> = PARTS.iter().map(|names| file(names)).collect();
        let mut folders = files?.into_iter().filter_map(|file| Some(file.parent()?.to_owned()));
        let first = folders.next()?;
        folders.all(|folder| folder == first).then_some(first)
    }

    fn fetch_one_of(&self, names: &'static [&'static str]) -> Result<(), HubError> {
        if names.iter().any(|name| self.repo().get(name).is_some()) {
            return Ok(());
        }
        let api = self.api_for(names)?;
        for name in names {
            if self.download(&api, name)? == Download::Done {
                return Ok(());
            }
        }
        let (id, endpoint) = (self.id.to_owned(), self.settings.endpoint.clone());
        Err(HubError::Incomplete { id, endpoint, missing: names })
    }

    fn api_for(&self, missing: &'static [&'static str]) -> Result<Api, HubError> {
        match self.settings.access {
            Access::Online => self.api(),
            Access::Offline { variable } => Err(HubError::Offline {
                id: self.id.to_owned(),
                cache: self.path.to_owned(),
                missing,
                variable,
            }),
        }
    }

    fn api(&self) -> Result<Api, HubError> {
        ApiBuilder::from_cache(self.cache.clone())
            .with_endpoint(self.settings.endpoint.clone())
            .with_token(self.token())
            .with_progress(true)
            .build()
            .map_err(|error| self.unreachable(PARTS[0][0], &error))
    }

    fn token(&self) -> Option<String> {
        let token = match &self.settings.token {
            Token::Given(token) => token.clone(),
            Token::InFile(path) => fs::read_to_string(path).ok()?.trim().to_owned(),
            Token::Absent => return None,
        };
        (!token.is_empty()).then_some(token)
    }

    /// Fetches one file, if the model has it.
    fn download(&self, api: &Api, file: &'static str) -> Result<Download, HubError> {
        let repo = api.model(self.id.to_owned());
        let size = match api.metadata(&repo.url(file)) {
            Ok(metadata) => metadata.size() as u64,
            Err(error) => return self.absent(file, &error),
        };
        let path = repo.download(file).map_err(|e| self.interrupted(file, e.to_string()))?;
        let arrived = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if arrived != size {
            // What stays in the cache would be taken for whole.
            let _ = fs::canonicalize(&path).and_then(fs::remove_file);
            let _ = fs::remove_file(&path);
            return Err(self.interrupted(file, format!("{arrived} bytes of {size}")));
        }
        Ok(Download::Done)
    }

    /// A 404 for a file of a model that exists is no error yet: another file may do.
    fn absent(&self, file: &'static str, error: &ApiError) -> Result<Download, HubError> {
        match status(error) {
            Some(404) if file != PARTS[0][0] => Ok(Download::NoSuchFile),
            Some(status @ (401 | 403 | 404)) => Err(HubError::Refused {
                id: self.id.to_owned(),
                endpoint: self.settings.endpoint.clone(),
                status,
            }),
            _ => Err(self.unreachable(file, error)),
        }
    }

    fn interrupted(&self, file: &'static str, cause: String) -> HubError {
        HubError::Interrupted {
            id: self.id.to_owned(),
            endpoint: self.settings.endpoint.clone(),
            file,
            cause,
        }
    }

    fn unreachable(&self, file: &'static str, error: &ApiError) -> HubError {
        HubError::Unreachable {
            id: self.id.to_owned(),
            cache: self.path.to_owned(),
            endpoint: self.settings.endpoint.clone(),
            file,
            cause: error.to_string(),
        }
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Download {
    Done,
    NoSuchFile,
}

fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::RequestError(error) => match **error {
            ureq::Error::StatusCode(status) => Some(status),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
