//! A model of the hub: which files make it, in the cache and on the server.

use std::path::PathBuf;

use lockstep_weights_index::{INDEX_ENDING, shards};

use crate::client::Client;
use crate::download::Fetched;
use crate::error::HubError;
use crate::repo::{At, Repo};
use crate::settings::HubSettings;
use crate::subject::Kind;

const MAIN: &str = "main";
const CONFIG: &str = "config.json";
/// The vocabulary: the first of these that is there as a whole.
const VOCABULARY: [&[&str]; 3] =
    [&["tokenizer.json"], &["vocab.txt"], &["vocab.json", "merges.txt"]];
/// The files of the vocabulary, as messages list them.
const VOCABULARY_NAMES: [&str; 3] = ["tokenizer.json", "vocab.txt", "vocab.json with merges.txt"];
/// What is taken along where it exists; the card says the license.
const EXTRA: [&str; 4] =
    ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "README.md"];
/// The weights: the first file there is; an index means the files that it names.
const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
/// The files of the weights, as messages list them.
const WEIGHTS_IN_ONE: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// The directory with the files of the model `id`.
///
/// # Errors
/// What it lacks, and why that cannot be had.
pub(super) fn fetch(id: &str, settings: &HubSettings) -> Result<PathBuf, HubError> {
    Model { repo: Repo::of(Kind::Model, id, settings)? }.fetch()
}

struct Model<'a> {
    repo: Repo<'a>,
}

impl Model<'_> {
    /// The directory with all parts. A model that was changed on the hub since the cache has it
    /// partly is fetched anew once.
    fn fetch(mut self) -> Result<PathBuf, HubError> {
        if let Some(folder) = self.cached()? {
            return Ok(folder);
        }
        if self.repo.is_online() {
            self.repo.take_turn()?;
        }
        for _ in 0..2 {
            if let Some(folder) = self.cached()? {
                return Ok(folder);
            }
            self.fetch_config()?;
            self.fetch_vocabulary()?;
            // Before the weights, since what has weights counts as complete.
            for file in EXTRA.iter().filter(|file| self.get(file).is_none()) {
                if self.repo.is_online() {
                    self.has(&self.repo.client(file)?, file)?;
                }
            }
            self.fetch_weights()?;
        }
        let changed = || HubError::Changed { subject: self.repo.subject.clone() };
        self.cached()?.ok_or_else(changed)
    }

    /// The directory with all parts, if the cache has them all of one revision.
    fn cached(&self) -> Result<Option<PathBuf>, HubError> {
        let weights = match self.weights() {
            Some(name) if self.absent_shards(name)?.is_empty() => self.get(name),
            _ => None,
        };
        let files = [self.get(CONFIG), self.vocabulary(), weights];
        let files: Option<Vec<PathBuf>> = files.into_iter().collect();
        let mut folders = files.into_iter().flatten().filter_map(|f| Some(f.parent()?.to_owned()));
        let first = folders.next();
        Ok(first.filter(|first| folders.all(|folder| folder == *first)))
    }

    fn get(&self, file: &str) -> Option<PathBuf> {
        self.repo.cache.get(MAIN, file)
    }

    /// A file of the vocabulary in the cache, if that has all of them.
    fn vocabulary(&self) -> Option<PathBuf> {
        let whole = |names: &&[&str]| -> Option<PathBuf> {
            let files: Option<Vec<PathBuf>> = names.iter().map(|name| self.get(name)).collect();
            files?.into_iter().next()
        };
        VOCABULARY.iter().find_map(whole)
    }

    /// The weights in the cache, by the file that names them.
    fn weights(&self) -> Option<&'static str> {
        WEIGHTS.into_iter().find(|name| self.get(name).is_some())
    }

    /// The files of the weights `name` that the cache lacks.
    fn absent_shards(&self, name: &str) -> Result<Vec<String>, HubError> {
        match self.get(name).filter(|_| name.ends_with(INDEX_ENDING)) {
            None => Ok(Vec::new()),
            Some(index) => {
                let mut names = shards(&index)?;
                names.retain(|shard| self.get(shard).is_none());
                Ok(names)
            }
        }
    }

    fn fetch_config(&self) -> Result<(), HubError> {
        if self.get(CONFIG).is_some() {
            return Ok(());
        }
        match self.has(&self.repo.client(CONFIG)?, CONFIG)? {
            true => Ok(()),
            false => Err(self.repo.incomplete(&[CONFIG])),
        }
    }

    fn fetch_vocabulary(&self) -> Result<(), HubError> {
        if self.vocabulary().is_some() {
            return Ok(());
        }
        let client = self.repo.client(&VOCABULARY_NAMES.join(" or "))?;
        for names in VOCABULARY {
            let mut has_all = true;
            for name in names {
                has_all = has_all && (self.get(name).is_some() || self.has(&client, name)?);
            }
            if has_all {
                return Ok(());
            }
        }
        Err(self.repo.incomplete(&VOCABULARY_NAMES))
    }

    fn fetch_weights(&self) -> Result<(), HubError> {
        let missing = WEIGHTS_IN_ONE.join(" or ");
        if self.weights().is_none() {
            let client = self.repo.client(&missing)?;
            let mut has_any = false;
            for name in WEIGHTS {
                has_any = has_any || self.has(&client, name)?;
            }
            if !has_any {
                return Err(self.repo.incomplete(&WEIGHTS_IN_ONE));
            }
        }
        let absent = self.weights().map_or(Ok(Vec::new()), |name| self.absent_shards(name))?;
        for shard in absent {
            if !self.has(&self.repo.client(&missing)?, &shard)? {
                let cause = "the index names it, but it is not there";
                return Err(self.repo.interrupted(&shard, cause));
            }
        }
        Ok(())
    }

    /// Fetches one file, if the model has it. Where a server does not say what is not there, it is the
    /// model if it is the first file, since another file may do for any other.
    fn has(&self, client: &Client, file: &str) -> Result<bool, HubError> {
        match self.repo.download(client, &At { branch: MAIN, revision: MAIN }, file)? {
            Fetched::Done(_) => Ok(true),
            Fetched::Refused(404, complaint)
                if complaint.code == "EntryNotFound"
                    || complaint.code.is_empty() && file != CONFIG =>
            {
                Ok(false)
            }
            Fetched::Refused(status, complaint) => Err(self.repo.refused(file, status, &complaint)),
        }
    }
}
