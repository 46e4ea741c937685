//! Where the body of a token store is written to: a file of the cache, else a file without a name, else
//! memory.
//!
//! A full disk does not end a run: what was written is moved on, and written there from then on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use lockstep_world::unique_name;
use twox_hash::XxHash3_128;

use super::fault::StoreFault;
use super::header::{BLOCK, BODY, HASH, Header};
use super::image::{CheckedFile, Image};

/// Bytes that are held in memory at most where a file can be had.
const IN_MEMORY: usize = 256 << 20;

/// The places that a body may be written to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// The file of the cache that it becomes.
    pub(crate) cached: Option<PathBuf>,
    /// The folder for files without a name.
    pub(crate) scratch: Option<PathBuf>,
}

/// A body that is being written.
#[derive(Debug)]
pub(super) struct Sink {
    target: Target,
    places: Places,
    /// The block that is not full yet.
    block: Vec<u8>,
    hashes: Vec<u128>,
    /// Bytes of full blocks.
    written: u64,
    /// Why the cache was not written to.
    pub(super) failure: Option<io::Error>,
}

#[derive(Debug)]
enum Target {
    Memory(Vec<u8>),
    /// A file that gets its name in the cache when it is whole.
    Cache(Temporary),
    /// A file that goes with this process.
    Scratch(File),
}

/// A file that is removed unless it gets its name.
#[derive(Debug)]
struct Temporary {
    file: File,
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A body that was written, and where it is.
pub(super) struct Written {
    pub(super) image: Image,
    pub(super) failure: Option<io::Error>,
}

impl Sink {
    pub(super) fn new(places: Places) -> Self {
        let opened = places.cached.as_deref().map(temporary).transpose();
        let (target, failure) = match opened {
            Ok(Some(file)) => (Target::Cache(file), None),
            Ok(None) => (Target::Memory(Vec::new()), None),
            Err(cause) => (Target::Memory(Vec::new()), Some(cause)),
        };
        Self { target, places, block: Vec::new(), hashes: Vec::new(), written: 0, failure }
    }

    /// Adds bytes at the end.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), StoreFault> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            if self.block.len() == BLOCK {
                self.flush()?;
            }
            bytes = later;
        }
        Ok(())
    }

    /// The bytes of full blocks that begin at `at`.
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), StoreFault> {
        match &self.target {
            Target::Memory(bytes) => {
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                let range = bytes.get(start..).and_then(|rest| rest.get(..into.len()));
                into.copy_from_slice(range.ok_or(StoreFault::Damaged("a part is missing"))?);
                Ok(())
            }
            Target::Cache(Temporary { file, .. }) | Target::Scratch(file) => {
                Ok(file.read_exact_at(into, BODY + at)?)
            }
        }
    }

    fn flush(&mut self) -> Result<(), StoreFault> {
        let block = std::mem::take(&mut self.block);
        self.hashes.push(XxHash3_128::oneshot(&block));
        while let Err(cause) = self.write(&block) {
            self.retreat(cause)?;
        }
        self.written += block.len() as u64;
        self.block = block;
        self.block.clear();
        let is_large = matches!(&self.target, Target::Memory(bytes) if bytes.len() >= IN_MEMORY);
        if is_large && let Some(file) = self.scratch() {
            self.move_to(Target::Scratch(file))?;
        }
        Ok(())
    }

    fn write(&mut self, block: &[u8]) -> io::Result<()> {
        match &mut self.target {
            Target::Memory(bytes) => {
                bytes.extend_from_slice(block);
                Ok(())
            }
            Target::Cache(Temporary { file, .. }) | Target::Scratch(file) => {
                file.write_all_at(block, BODY + self.written)
            }
        }
    }

    /// Leaves a file that cannot be written to.
    fn retreat(&mut self, cause: io::Error) -> Result<(), StoreFault> {
        let scratch = match self.target {
            Target::Cache(_) => self.scratch(),
            _ => None,
        };
        self.failure.get_or_insert(cause);
        match scratch.map(|file| self.move_to(Target::Scratch(file))) {
            Some(Ok(())) => Ok(()),
            _ => self.move_to(Target::Memory(Vec::new())),
        }
    }

    /// A file without a name; at the first failure no other is tried.
    fn scratch(&mut self) -> Option<File> {
        let folder = self.places.scratch.take()?;
        let file = temporary(&folder.join("lockstep-tokens")).ok()?;
        file.file.try_clone().ok()
    }

    fn move_to(&mut self, target: Target) -> Result<(), StoreFault> {
        let mut moved = Self { target, written: 0, ..Self::new(Places::default()) };
        let mut bytes = vec![0; BLOCK];
        while moved.written < self.written {
            let rest = usize::try_from(self.written - moved.written).unwrap_or(BLOCK);
            let part = &mut bytes[..rest.min(BLOCK)];
            self.read(moved.written, part)?;
            moved.write(part)?;
            moved.written += part.len() as u64;
        }
        self.target = moved.target;
        Ok(())
    }

    /// The whole body, under its name if it is in the cache. `complete` makes the header of the body,
    /// which it can read.
    pub(super) fn finish(
        mut self,
        complete: impl FnOnce(
            &dyn Fn(u64, &mut [u8]) -> Result<(), StoreFault>,
        ) -> Result<Header, StoreFault>,
    ) -> Result<(Header, Written), StoreFault> {
        if !self.block.is_empty() {
            self.flush()?;
        }
        let table: Vec<u8> = self.hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let header = complete(&|at, into| self.read(at, into))?;
        let header = Header { hashes: XxHash3_128::oneshot(&table), ..header };
        if let Err(cause) = self.name(&header, &table) {
            self.retreat(cause)?;
        }
        let (length, hashes) = (self.written, self.hashes);
        let of = |file, path| Image::File(CheckedFile::new(file, path, length, hashes));
        let image = match self.target {
            Target::Memory(bytes) => Image::Memory(bytes),
            Target::Scratch(file) => of(file, None),
            Target::Cache(temporary) => of(temporary.file.try_clone()?, self.places.cached),
        };
        Ok((header, Written { image, failure: self.failure }))
    }

    /// Writes what is around the body, waits until the disk has all of it, and gives the file its name.
    fn name(&self, header: &Header, table: &[u8]) -> io::Result<()> {
        let (Target::Cache(Temporary { file, path }), Some(name)) =
            (&self.target, &self.places.cached)
        else {
            return Ok(());
        };
        debug_assert_eq!(table.len(), self.hashes.len() * HASH);
        file.write_all_at(table, BODY + self.written)?;
        file.sync_data()?;
        file.write_all_at(&header.encode(), 0)?;
        file.sync_all()?;
        fs::rename(path, name)
    }
}

/// A new file beside `path`, which other programs do not see as one of its kind.
fn temporary(path: &Path) -> io::Result<Temporary> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let path = path.with_file_name(format!("{}.part", unique_name(&name)));
    let file = OpenOptions::new().create_new(true).read(true).write(true).open(&path)?;
    Ok(Temporary { file, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Vec<u8> {
        (0..251_u8).cycle().take(count).collect()
    }

    fn written(places: Places, bytes: &[u8]) -> (Header, Written) {
        let mut sink = Sink::new(places);
        bytes.chunks(1000).for_each(|part| sink.push(part).unwrap());
        sink.finish(|_| Ok(Header::default())).unwrap()
    }

    #[test]
    fn what_was_written_is_read_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let cached = Some(folder.path().join("a.tokens"));
        let missing = Some(folder.path().join("missing/a.tokens"));
        let scratch = Some(folder.path().to_owned());
        let content = bytes(3 * BLOCK + 5);
        for (cached, fails) in [(cached.clone(), false), (missing, true), (None, false)] {
            let places = Places { cached, scratch: scratch.clone() };
            let (_, Written { image, failure }) = written(places, &content);
            assert_eq!(failure.is_some(), fails);
            let mut read = vec![0; content.len() - 7];
            image.read(7, &mut read).unwrap();
            assert_eq!(read, content[7..]);
            assert!(image.read(7, &mut vec![0; content.len()]).is_err());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_on_is_left() {
        let folder = tempfile::tempdir().unwrap();
        for scratch in [Some(folder.path().to_owned()), None] {
            let cached = Some(folder.path().join("a.tokens"));
            let mut sink = Sink::new(Places { cached, scratch });
            let content = bytes(2 * BLOCK);
            sink.push(&content).unwrap();
            sink.retreat(io::ErrorKind::StorageFull.into()).unwrap();
            sink.push(&content).unwrap();
            let (_, Written { image, failure }) = sink.finish(|_| Ok(Header::default())).unwrap();
            assert_eq!(failure.unwrap().kind(), io::ErrorKind::StorageFull);
            let mut read = vec![0; 4 * BLOCK];
            image.read(0, &mut read).unwrap();
            assert_eq!(read, [content.clone(), content].concat());
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
