//! What a row's workers work on: texts in the order of their batches, in files both sides read.
//!
//! Our side reads the texts and tokenises them as a run does; PyTorch's reads the same tokens,
//! packed. Batch `b` holds the texts from `b · size` on.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use lockstep_data::{Batch, MaxLength, TokenStore, Tokenizer};
use serde_json::json;

use crate::Outcome;

/// Where texts are cut, and what the recipe pads to.
pub(crate) const MAX_LENGTH: usize = 128;

/// A text and its class.
pub(crate) type LabelledText = (String, u32);

/// Texts on disk, cut into batches.
pub(crate) struct Work {
    directory: PathBuf,
    size: usize,
    store: TokenStore,
}

impl Work {
    /// Writes the files of `rows`, in batches of `size`, into a new directory.
    pub(crate) fn write(
        directory: PathBuf,
        rows: &[LabelledText],
        size: usize,
        tokenizer: &Tokenizer,
    ) -> Outcome<Self> {
        fs::create_dir(&directory)?;
        let longest = MaxLength::new(MAX_LENGTH).ok_or("no such length")?;
        let texts = rows.iter().map(|(text, label)| (text.as_str(), *label));
        let store = TokenStore::build(texts, tokenizer, longest)?;
        let work = Self { directory, size, store };
        let mut file = BufWriter::new(File::create(work.rows_file())?);
        rows.iter().try_for_each(|row| writeln!(file, "{}", json!(row)))?;
        let mut file = BufWriter::new(File::create(work.batches_file())?);
        for batch in 0..work.batches() {
            let batch = pack(&work.store, size, batch)?;
            let (ids, offsets, labels) = (batch.ids(), batch.offsets(), batch.labels());
            writeln!(file, "{}", json!({"ids": ids, "offsets": offsets, "labels": labels}))?;
        }
        Ok(work)
    }

    pub(crate) fn rows_file(&self) -> PathBuf {
        self.directory.join("rows.jsonl")
    }

    pub(crate) fn batches_file(&self) -> PathBuf {
        self.directory.join("batches.jsonl")
    }

    pub(crate) fn batch_size(&self) -> usize {
        self.size
    }

    pub(crate) fn batches(&self) -> usize {
        self.store.len().div_ceil(self.size)
    }

    pub(crate) fn tokens(&self) -> usize {
        self.store.total_tokens()
    }

    /// The number of tokens of each text.
    pub(crate) fn lengths(&self) -> &[u32] {
        self.store.lengths()
    }
}

/// Batch `batch` of a store that is cut into batches of `size`.
pub(crate) fn pack(store: &TokenStore, size: usize, batch: usize) -> Outcome<Batch> {
    let end = ((batch + 1) * size).min(store.len());
    let examples: Vec<usize> = (batch * size..end).collect();
    Ok(Batch::pack(store, &examples)?)
}

/// The texts of a [`Work`].
pub(crate) fn read_rows(file: &Path) -> Outcome<Vec<LabelledText>> {
    let text = fs::read_to_string(file)?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}
