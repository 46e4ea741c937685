//! The body of a token store: in memory, or in a file of which each block is checked when it is first
//! read.
//!
//! A file is read at places and not mapped: the pages of a map count as memory of the process, a file
//! that is cut short would end it by a signal, and a map needs `unsafe` code.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use twox_hash::XxHash3_128;

use super::fault::StoreFault;
use super::header::{BLOCK, BODY};

/// The bytes of a body.
#[derive(Debug)]
pub(super) enum Image {
    /// All of them.
    Memory(Vec<u8>),
    /// A file.
    File(CheckedFile),
}

/// The body in a file.
#[derive(Debug)]
pub(super) struct CheckedFile {
    file: File,
    /// Where it has a name; nothing where it goes with this process.
    pub(super) path: Option<PathBuf>,
    /// Bytes of the body.
    length: u64,
    /// Of each block.
    hashes: Vec<u128>,
    /// A bit for each block that was found right.
    checked: Vec<AtomicU64>,
}

impl Image {
    /// Fills `into` with the bytes that begin at `at`.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), StoreFault> {
        match self {
            Self::Memory(bytes) => {
                let range = usize::try_from(at).ok().and_then(|at| {
                    let end = at.checked_add(into.len())?;
                    bytes.get(at..end)
                });
                into.copy_from_slice(range.ok_or(OUTSIDE)?);
                Ok(())
            }
            Self::File(file) => file.read(at, into),
        }
    }

    /// The file, if it has a name.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Memory(_) => None,
            Self::File(file) => file.path.as_ref(),
        }
    }
}

const OUTSIDE: StoreFault = StoreFault::Damaged("a text lies outside of it");

impl CheckedFile {
    pub(super) fn new(file: File, path: Option<PathBuf>, length: u64, hashes: Vec<u128>) -> Self {
        let checked = hashes.chunks(64).map(|_| AtomicU64::new(0)).collect();
        Self { file, path, length, hashes, checked }
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), StoreFault> {
        let end = at.checked_add(into.len() as u64).filter(|end| *end <= self.length);
        let end = end.ok_or(OUTSIDE)?;
        let block = BLOCK as u64;
        (at / block..end.div_ceil(block)).try_for_each(|number| self.check(number))?;
        Ok(self.file.read_exact_at(into, BODY + at)?)
    }

    /// Compares a block with its hash, unless that was done.
    fn check(&self, number: u64) -> Result<(), StoreFault> {
        let place = usize::try_from(number).map_err(|_| OUTSIDE)?;
        let (word, bit) = (self.checked.get(place / 64).ok_or(OUTSIDE)?, 1 << (place % 64));
        if word.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        let start = number * BLOCK as u64;
        let length = (self.length - start).min(BLOCK as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(BLOCK)];
        self.file.read_exact_at(&mut bytes, BODY + start)?;
        if self.hashes.get(place) != Some(&XxHash3_128::oneshot(&bytes)) {
            return Err(StoreFault::Damaged("a part of it is not what was written"));
        }
        word.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }

    /// Compares all blocks.
    pub(super) fn check_all(&self) -> Result<(), StoreFault> {
        (0..self.hashes.len() as u64).try_for_each(|number| self.check(number))
    }
}
