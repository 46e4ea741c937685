//! A labelled corpus whose texts stay in their file: they are read again where they are needed, one by
//! one, so a file may be larger than memory.

use std::collections::HashMap;
use std::ops::Deref;
use std::path::Path;

use crate::changed::ChangedFile;
use crate::columns::Wanted;
use crate::corpus;
use crate::data_file;
use crate::error::DataError;
use crate::facts::{CorpusFacts, RawFacts};
use crate::file_state::FileState;
use crate::labels::Labels;
use crate::renames::Renames;
use crate::rows::Content;
use crate::source::{CorpusSource, Example};

/// A file of labelled texts that was read, before it is settled which labels are classes.
#[derive(Clone, Debug)]
pub struct RawCorpusFile {
    pub(crate) source: CorpusSource,
    pub(crate) facts: RawFacts,
    /// The file as it was read.
    pub(crate) state: FileState,
    /// What its content and the way it is read hash to, where that is known.
    pub(crate) key: Option<u128>,
}

impl RawCorpusFile {
    /// Reads the file of `source`, which must be one that can be read again.
    ///
    /// # Errors
    /// As [`crate::RawCorpus::read`]; [`DataError::Changed`].
    pub(crate) fn read(source: &CorpusSource) -> Result<Self, DataError> {
        let state = FileState::of(&source.path);
        let facts = corpus::read(source, drop)?;
        let state = state.filter(|state| state.is_of(&source.path));
        let state = state.ok_or_else(|| changed(source))?;
        Ok(Self { source: source.clone(), facts, state, key: None })
    }

    /// The same with each label called as the user calls it.
    #[must_use]
    pub fn renamed(mut self, renames: &Renames) -> Self {
        self.facts.rename(renames);
        self
    }

    /// The corpus with classes of `labels`.
    ///
    /// # Errors
    /// [`DataError`], for a file that cannot be learned from.
    pub fn labelled(mut self, labels: Labels<'_>) -> Result<CorpusFile, DataError> {
        let facts = self.facts.labelled(labels)?;
        let numbers = self.facts.rows.numbers(facts.labels());
        let classes = numbers.into_iter().map(|(label, class)| (label.to_owned(), class)).collect();
        let Self { source, state, key, .. } = self;
        Ok(CorpusFile { source, facts, classes, state, key })
    }
}

/// The usable examples of one file, in that file.
#[derive(Clone, Debug)]
pub struct CorpusFile {
    source: CorpusSource,
    facts: CorpusFacts,
    /// The class of each label as the file has it; nothing where its rows are bad.
    pub(crate) classes: HashMap<String, Option<u32>>,
    state: FileState,
    pub(crate) key: Option<u128>,
}

impl Deref for CorpusFile {
    type Target = CorpusFacts;

    fn deref(&self) -> &CorpusFacts {
        &self.facts
    }
}

impl CorpusFile {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    /// The examples in the order of the file, read from it.
    ///
    /// # Errors
    /// A file that can no longer be opened; each example is one where the file has changed.
    pub fn examples(
        &self,
    ) -> Result<impl Iterator<Item = Result<Example, DataError>> + '_, DataError> {
        let CorpusSource { path, text_column, label_column, .. } = &self.source;
        let file = data_file::open(path)?;
        let format = data_file::format(path)?;
        let wanted = Wanted { text: text_column.clone(), label: Some(label_column.clone()) };
        let mut rows = data_file::rows(file, format, wanted, path)?;
        let mut left = self.count();
        Ok(std::iter::from_fn(move || {
            loop {
                let row = match rows.next() {
                    Ok(Some(row)) => row,
                    Ok(None) if left == 0 && self.state.is_of(path) => return None,
                    Ok(None) => return Some(Err(changed(&self.source))),
                    Err(error) => return Some(Err(error)),
                };
                let Ok(Content { text, label }) = row.content else { continue };
                let label = label.unwrap_or_default();
                match (self.classes.get(&label), left.checked_sub(1)) {
                    (Some(None), _) => {}
                    (Some(Some(label)), Some(rest)) => {
                        left = rest;
                        return Some(Ok(Example { text, label: *label, line: row.line }));
                    }
                    _ => return Some(Err(changed(&self.source))),
                }
            }
        }))
    }
}

fn changed(source: &CorpusSource) -> DataError {
    ChangedFile::Data { path: source.path.clone() }.into()
}
