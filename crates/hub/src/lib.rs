//! Finds a model: a directory, or a hub id in the cache that Python shares, fetched where it is not
//! there yet.
//!
//! The network is used only when a hub id was asked for, the cache lacks one of its files, and no
//! variable forbids it.

mod address;
mod cache;
mod client;
mod download;
mod error;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_weights_index::{INDEX_ENDING, shards};
use ureq::http::Uri;

use address::Origin;
use cache::ModelCache;
use client::{Client, Unanswered};
use download::{Break, Fetched, Wanted};
pub use error::HubError;
use settings::{Access, Token, Waits, clean_token};
pub use settings::{HubSettings, Misset};

const CONFIG: &str = "config.json";
/// The vocabulary: the first file there is.
const VOCABULARY: [&str; 2] = ["tokenizer.json", "vocab.txt"];
/// What is taken along where it exists.
const EXTRA: [&str; 3] = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"];
/// The weights: the first file there is; an index stands for the files that it names.
const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
/// The files of the weights, as messages list them.
const WEIGHTS_IN_ONE: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

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
    cache: ModelCache,
}

impl<'a> Shelf<'a> {
    fn of(id: &'a str, settings: &'a HubSettings) -> Result<Self, HubError> {
        let no_cache = || HubError::NoCache { id: id.to_owned() };
        let path = settings.cache.as_deref().ok_or_else(no_cache)?;
        Ok(Self { id, settings, path, cache: ModelCache::new(path, id) })
    }

    /// The directory with all parts. A model that was changed on the hub since the cache has it
    /// partly is fetched anew once.
    fn fetch(&self) -> Result<PathBuf, HubError> {
        for _ in 0..2 {
            if let Some(folder) = self.cached()? {
                return Ok(folder);
            }
            self.fetch_one_of(&[CONFIG])?;
            self.fetch_one_of(&VOCABULARY)?;
            // Before the weights, since what has weights counts as complete.
            for file in EXTRA.iter().filter(|file| self.cache.get(file).is_none()) {
                if let Access::Online = self.settings.access {
                    self.download(&self.client()?, file)?;
                }
            }
            self.fetch_weights()?;
        }
        self.cached()?.ok_or_else(|| HubError::Changed { id: self.id.to_owned() })
    }

    /// The directory with all parts, if the cache has them all of one revision.
    fn cached(&self) -> Result<Option<PathBuf>, HubError> {
        let vocabulary = VOCABULARY.iter().find_map(|name| self.cache.get(name));
        let weights = match self.weights() {
            Some(name) if self.absent_shards(name)?.is_empty() => self.cache.get(name),
            _ => None,
        };
        let files: Option<Vec<PathBuf>> =
            [self.cache.get(CONFIG), vocabulary, weights].into_iter().collect();
        let mut folders = files.into_iter().flatten().filter_map(|f| Some(f.parent()?.to_owned()));
        let first = folders.next();
        Ok(first.filter(|first| folders.all(|folder| folder == *first)))
    }

    /// The weights in the cache, by the file that stands for them.
    fn weights(&self) -> Option<&'static str> {
        WEIGHTS.into_iter().find(|name| self.cache.get(name).is_some())
    }

    /// The files of the weights `name` that the cache lacks.
    fn absent_shards(&self, name: &str) -> Result<Vec<String>, HubError> {
        match self.cache.get(name).filter(|_| name.ends_with(INDEX_ENDING)) {
            None => Ok(Vec::new()),
            Some(index) => {
                let mut names = shards(&index)?;
                names.retain(|shard| self.cache.get(shard).is_none());
                Ok(names)
            }
        }
    }

    fn fetch_one_of(&self, names: &'static [&'static str]) -> Result<(), HubError> {
        if names.iter().any(|name| self.cache.get(name).is_some()) {
            return Ok(());
        }
        let client = self.client_for(names)?;
        for name in names {
            if self.download(&client, name)? == Download::Done {
                return Ok(());
            }
        }
        Err(self.incomplete(names))
    }

    fn fetch_weights(&self) -> Result<(), HubError> {
        if self.weights().is_none() {
            let client = self.client_for(&WEIGHTS_IN_ONE)?;
            let mut has_any = false;
            for name in WEIGHTS {
                has_any = has_any || self.download(&client, name)? == Download::Done;
            }
            if !has_any {
                return Err(self.incomplete(&WEIGHTS_IN_ONE));
            }
        }
        let absent = self.weights().map_or(Ok(Vec::new()), |name| self.absent_shards(name))?;
        for shard in absent {
            if self.download(&self.client_for(&WEIGHTS_IN_ONE)?, &shard)? == Download::NoSuchFile {
                return Err(self.interrupted(&shard, "the index names it, but it is not there"));
            }
        }
        Ok(())
    }

    fn incomplete(&self, missing: &'static [&'static str]) -> HubError {
        let (id, endpoint) = (self.id.to_owned(), self.settings.endpoint.clone());
        HubError::Incomplete { id, endpoint, missing }
    }

    fn client_for(&self, missing: &'static [&'static str]) -> Result<Client, HubError> {
        match self.settings.access {
            Access::Online => self.client(),
            Access::Offline { variable } => Err(HubError::Offline {
                id: self.id.to_owned(),
                cache: self.path.to_owned(),
                missing,
                variable,
            }),
        }
    }

    fn client(&self) -> Result<Client, HubError> {
        let endpoint = Origin::of(&self.address("")?).ok_or_else(|| self.no_endpoint())?;
        Ok(Client::new(endpoint, self.token(), self.waits()?))
    }

    fn waits(&self) -> Result<Waits, HubError> {
        Ok(self.settings.waits.clone()?)
    }

    /// Where a file of the model is.
    fn address(&self, file: &str) -> Result<Uri, HubError> {
        let text = format!("{}/{}/resolve/main/{file}", self.settings.endpoint, self.id);
        text.parse().map_err(|_| self.no_endpoint())
    }

    fn no_endpoint(&self) -> HubError {
        let value = self.settings.endpoint.clone();
        let takes = "the address of a server without a user, such as https://huggingface.co";
        Misset { variable: "HF_ENDPOINT", value, takes }.into()
    }

    fn token(&self) -> Option<String> {
        match &self.settings.token {
            Token::Given(token) => Some(token.clone()),
            Token::InFile(path) => clean_token(&fs::read_to_string(path).ok()?),
            Token::Absent => None,
        }
    }

    /// Fetches one file, if the model has it.
    fn download(&self, client: &Client, file: &str) -> Result<Download, HubError> {
        let wanted = Wanted { file, address: self.address(file)?, client, cache: &self.cache };
        let Waits { tries, mut pause, .. } = self.waits()?;
        let mut left = tries;
        loop {
            match wanted.fetch() {
                Ok(Fetched::Done) => return Ok(Download::Done),
                Ok(Fetched::Refused(status)) => return self.refused(file, status),
                Err(fault) if left > 0 && fault.may_pass() => {
                    left -= 1;
                    tracing::warn!(
                        "the download of {file} of {} failed ({fault}); trying again",
                        self.id
                    );
                    std::thread::sleep(pause);
                    pause *= 2;
                }
                Err(fault) => return Err(self.broken(file, fault)),
            }
        }
    }

    /// A 404 for a file of a model that exists is no error yet: another file may do.
    fn refused(&self, file: &str, status: u16) -> Result<Download, HubError> {
        match status {
            404 if file != CONFIG => Ok(Download::NoSuchFile),
            401 | 403 | 404 => Err(HubError::Refused {
                id: self.id.to_owned(),
                endpoint: self.settings.endpoint.clone(),
                status,
            }),
            _ => Err(self.broken(file, Break::Status(status))),
        }
    }

    fn broken(&self, file: &str, fault: Break) -> HubError {
        let (id, endpoint) = (self.id.to_owned(), self.settings.endpoint.clone());
        let file = file.to_owned();
        match fault {
            Break::Unwritten((path, cause)) => HubError::Unwritten { id, file, path, cause },
            Break::Damaged(cause) => self.interrupted(&file, &cause),
            Break::Unanswered(fault @ Unanswered::Redirect { .. }) => {
                HubError::Redirected { id, endpoint, file, cause: fault.to_string() }
            }
            fault => self.unreachable(file, fault.to_string()),
        }
    }

    fn interrupted(&self, file: &str, cause: &str) -> HubError {
        HubError::Interrupted {
            id: self.id.to_owned(),
            endpoint: self.settings.endpoint.clone(),
            file: file.to_owned(),
            cause: cause.to_owned(),
        }
    }

    fn unreachable(&self, file: String, cause: String) -> HubError {
        HubError::Unreachable {
            id: self.id.to_owned(),
            cache: self.path.to_owned(),
            endpoint: self.settings.endpoint.clone(),
            file,
            cause,
        }
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Download {
    Done,
    NoSuchFile,
}

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
