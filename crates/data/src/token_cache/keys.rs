//! What decides the content of a file of the cache, and so its name.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;

use crate::columns::ColumnChoice;
use crate::corpus_file::CorpusFile;
use crate::dialect::Dialect;
use crate::hashed::hash_of;
use crate::sample::Sample;
use crate::source::{CorpusSource, OnBadRow};
use crate::token_store::{Tokenising, VERSION};
use crate::tokenizer::MaxLength;

/// The content of a file, and the extensions of its name, which may tell a format.
#[derive(Serialize)]
pub(super) struct Content {
    pub(super) hash: u128,
    pub(super) extensions: Option<String>,
}

/// What is read of files: no path is a part of it.
#[derive(Serialize)]
struct Read<'a> {
    program: &'static str,
    layout: u64,
    contents: &'a [Content],
    text_column: &'a ColumnChoice,
    label_column: &'a ColumnChoice,
    dialect: Dialect,
    on_bad_row: OnBadRow,
}

/// What becomes of it.
#[derive(Serialize)]
struct Made<'a> {
    read: u128,
    /// The class of each label.
    classes: &'a [Option<u32>],
    sample: Option<Sample>,
    tokens: Option<Tokens>,
}

#[derive(Serialize)]
struct Tokens {
    tokenizer: u128,
    max_length: MaxLength,
    classes: u64,
    are_pairs: bool,
}

/// The key of what is known of the file at `path`.
pub(super) fn of_path(path: &Path) -> Option<u128> {
    hash_of(&path.canonicalize().ok()?.as_os_str().as_bytes())
}

/// The key of what is learned of the labels of files with this content.
pub(super) fn of_labels(source: &CorpusSource, contents: &[Content]) -> Option<u128> {
    let CorpusSource { text_column, label_column, dialect, on_bad_row, files: _ } = source;
    hash_of(&Read {
        program: env!("CARGO_PKG_VERSION"),
        layout: VERSION,
        contents,
        text_column,
        label_column,
        dialect: *dialect,
        on_bad_row: *on_bad_row,
    })
}

impl CorpusFile {
    /// What decides its tokens and their classes.
    pub(super) fn tokens_key(&self, how: Tokenising<'_>) -> Option<u128> {
        let Tokenising { tokenizer, max: max_length, classes, are_pairs } = how;
        let tokenizer = tokenizer.fingerprint()?;
        let tokens = Tokens { tokenizer, max_length, classes, are_pairs };
        self.made(self.sampled().map(|sampled| sampled.sample), Some(tokens))
    }

    /// What decides how many examples of a sample each class has.
    pub(super) fn sample_key(&self, sample: Sample) -> Option<u128> {
        self.made(Some(sample), None)
    }

    fn made(&self, sample: Option<Sample>, tokens: Option<Tokens>) -> Option<u128> {
        hash_of(&Made { read: self.key?, classes: &self.classes, sample, tokens })
    }
}
