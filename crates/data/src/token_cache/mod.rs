//! Files that keep what was made of users' files: tokens, and what was learned of labels.
//!
//! ```text
//! DIR/3f….tokens   tokens of one file under one tokenizer and one setting of the data keys
//! DIR/3f….labels   labels, columns and counts of one file
//! DIR/3f….sample   how many examples of one sample each class has
//! DIR/3f….file     which content the file at one path has, by its times and its size
//! ```
//!
//! Each is written aside and renamed, so there is no lock: two runs that make the same file at once both
//! make it, and the last one stays. No failure here fails a run.

mod keys;
mod labels_file;
mod pruning;

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_world::{file_content, unique_name};
use serde::Serialize;
use serde::de::DeserializeOwned;
use twox_hash::XxHash3_128;

use crate::changed::ChangedFile;
use crate::corpus_file::{CorpusFile, RawCorpusFile};
use crate::error::DataError;
use crate::file_state::{FileState, content_hash};
use crate::sample::Sample;
use crate::source::CorpusSource;
use crate::token_store::{
    Alone, Built, Exchange, Places, StoreWriter, TokenStore, Tokenising, build,
};
use keys::Content;
use labels_file::LabelsFile;

/// Where tokens are kept between runs.
#[derive(Clone, Debug, Default)]
pub struct TokenCache {
    /// The folder; nothing where nothing is kept.
    pub directory: Option<PathBuf>,
    /// Data files of fewer bytes are tokenised in each run.
    pub least: u64,
    /// The folder for large files that are removed with the process.
    pub scratch: Option<PathBuf>,
}

/// What a rank does where ranks tokenise together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It tokenises its part and writes all parts.
    Keep,
    /// It tokenises its part.
    Help,
}

/// Bytes that are read of a small file at most.
const LIMIT: u64 = 64 << 20;

impl TokenCache {
    /// The labels of files, whose texts stay there; nothing where `source` has more than files that can be
    /// read twice.
    ///
    /// # Errors
    /// As [`crate::RawCorpus::read`]; [`DataError::Changed`].
    pub fn labels(&self, source: &CorpusSource) -> Result<Option<RawCorpusFile>, DataError> {
        let states = source.files.files.iter().map(|path| FileState::of(path));
        let Some(states) = states.collect::<Option<Vec<_>>>() else { return Ok(None) };
        let Some(key) = self.key_of(source, &states) else {
            return RawCorpusFile::read(source, states).map(Some);
        };
        let path = self.path(key, "labels");
        let known = path.as_deref().and_then(read::<LabelsFile>);
        if let Some(raw) = known.and_then(|known| known.raw(source, &states, key)) {
            return Ok(Some(raw));
        }
        let raw = RawCorpusFile::read(source, states)?;
        if let (Some(file), Some(path)) = (LabelsFile::of(&raw), path) {
            write(&path, &file);
        }
        Ok(Some(RawCorpusFile { key: Some(key), ..raw }))
    }

    /// The examples of a sample, which are counted by class now or were in an earlier run.
    ///
    /// # Errors
    /// [`DataError::Changed`].
    pub fn limited_to(&self, corpus: CorpusFile, sample: Sample) -> Result<CorpusFile, DataError> {
        if corpus.count() <= sample.most.get() {
            return Ok(corpus);
        }
        let path = corpus.sample_key(sample).and_then(|key| self.path(key, "sample"));
        let known = path.as_deref().and_then(read::<Vec<usize>>);
        if let Some(sampled) = known.and_then(|counts| corpus.clone().limited_to(sample, counts)) {
            return Ok(sampled);
        }
        let counts = corpus.counts_of(sample)?;
        if let Some(path) = path {
            write(&path, &counts);
        }
        let changed = || ChangedFile::Data { path: corpus.name().to_owned() };
        Ok(corpus.clone().limited_to(sample, counts).ok_or_else(changed)?)
    }

    /// The tokens of a file that an earlier run has kept. One that cannot be used is removed.
    #[must_use]
    pub fn open(&self, corpus: &CorpusFile, how: Tokenising<'_>) -> Option<TokenStore> {
        let key = corpus.tokens_key(how)?;
        let path = self.path(key, "tokens")?;
        match TokenStore::open(&path, key, how, corpus.count()) {
            Ok(store) => {
                // What is used is not removed for its age.
                let _ = fs::File::open(&path)
                    .and_then(|file| file.set_modified(std::time::SystemTime::now()));
                Some(store)
            }
            Err(fault) => {
                if !fault.is_absence() {
                    let _ = fs::remove_file(&path);
                    tracing::warn!("{}: {fault}; the texts are tokenised again", path.display());
                }
                None
            }
        }
    }

    /// Tokenises a file and keeps the tokens, if they can be kept; `done` gets the number of texts that are done.
    ///
    /// # Errors
    /// A text that cannot be encoded, a file that has changed.
    pub fn build(
        &self,
        corpus: &CorpusFile,
        how: Tokenising<'_>,
        done: &dyn Fn(u64),
    ) -> Result<TokenStore, DataError> {
        let built = self.build_among(corpus, how, Duty::Keep, &mut Alone(done))?;
        built.ok_or_else(|| ChangedFile::Data { path: corpus.name().to_owned() }.into())
    }

    /// Tokenises a file together with the other ranks, which do the same; nothing for a rank that only
    /// helps, or where the ranks read different texts.
    ///
    /// # Errors
    /// As [`Self::build`]; a rank that is lost.
    pub fn build_among<X: Exchange>(
        &self,
        corpus: &CorpusFile,
        how: Tokenising<'_>,
        duty: Duty,
        ranks: &mut X,
    ) -> Result<Option<TokenStore>, X::Error> {
        let key = corpus.tokens_key(how);
        let cached = key.and_then(|key| self.path(key, "tokens"));
        let writer = (duty == Duty::Keep).then(|| {
            let _ = cached.as_deref().and_then(Path::parent).map(make);
            let places = Places { cached: cached.clone(), scratch: self.scratch.clone() };
            let mut writer = StoreWriter::new(how, places, key.unwrap_or_default());
            writer.expect(corpus.count());
            writer
        });
        let built = corpus.read(|examples| {
            let rows = examples.map(|row| row.map(|example| (example.text, example.label)));
            build(rows, how, writer, ranks)
        })?;
        let Built::Store(finished) = built else { return Ok(None) };
        let folder = cached.as_deref().and_then(Path::parent);
        match (folder.zip(cached.as_deref()), finished.failure) {
            (Some((folder, _)), Some(cause)) => tracing::warn!(
                "{}: the tokens cannot be kept for the next run: {cause}",
                folder.display()
            ),
            (Some((folder, path)), None) => pruning::prune(folder, path),
            (None, _) => {}
        }
        Ok(Some(finished.store))
    }

    /// Whether the tokens of a file are kept here.
    #[must_use]
    pub fn keeps(&self, corpus: &CorpusFile) -> bool {
        self.directory.is_some() && corpus.key.is_some()
    }

    fn path(&self, key: u128, kind: &str) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join(format!("{key:032x}.{kind}")))
    }

    /// What the content of files and the way they are read hash to; nothing where nothing is kept of them.
    fn key_of(&self, source: &CorpusSource, states: &[FileState]) -> Option<u128> {
        let bytes: u64 = states.iter().map(|state| state.length).sum();
        self.directory.as_ref().filter(|_| bytes >= self.least)?;
        let files = source.files.files.iter().zip(states);
        let contents: Option<Vec<_>> =
            files.map(|(path, state)| self.content(path, *state)).collect();
        keys::of_labels(source, &contents?)
    }

    /// What is at `path`.
    fn content(&self, path: &Path, state: FileState) -> Option<Content> {
        let known = self.path(keys::of_path(path)?, "file")?;
        let hash = match read::<(FileState, u128)>(&known) {
            Some((then, hash)) if then == state => hash,
            _ => {
                let is_settled = state.is_settled();
                let hash = content_hash(path).ok().filter(|_| state.is_of(path))?;
                if is_settled {
                    write(&known, &(state, hash));
                }
                hash
            }
        };
        let extensions = path.file_name().and_then(|name| name.to_str()?.split_once('.'));
        Some(Content { hash, extensions: extensions.map(|(_, rest)| rest.to_owned()) })
    }
}

/// What [`write()`] has written, and nothing else.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let content = file_content(path, LIMIT).ok()?;
    let (hash, json) = content.split_first_chunk()?;
    let is_whole = XxHash3_128::oneshot(json) == u128::from_le_bytes(*hash);
    serde_json::from_slice(json).ok().filter(|_| is_whole)
}

/// Writes a small file; where that fails, the next run does without it.
fn write(path: &Path, value: &impl Serialize) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!("{}.part", unique_name(&name)));
    let _ = path.parent().map(make);
    let written = serde_json::to_vec(value)
        .map_err(std::io::Error::other)
        .map(|json| [&XxHash3_128::oneshot(&json).to_le_bytes(), &*json].concat())
        .and_then(|bytes| fs::write(&aside, bytes))
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
}

/// Makes the folder, which others may not look into: tokens can be turned back into texts.
fn make(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
