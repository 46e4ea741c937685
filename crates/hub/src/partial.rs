//! The bytes of a content that have come so far.
//!
//! They lie in `blobs/<etag>.<machine>.incomplete`: a machine writes to its own file, whatever the locks
//! of a shared file system are worth. What another process left (`<etag>.incomplete` of Python's
//! `huggingface_hub` before 1.18, `<etag>.<number>.incomplete` of later ones, or that of another machine) is
//! copied, never written to, and only where the hub gives the SHA-256 of the whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockstep_world::unique_name;
use ring::digest::{Context, SHA256, digest};

use super::cache::Unwritten;
use super::client::Claim;

/// What a file of unknown size may have: only small ones come without one.
const UNSIZED: u64 = 64 << 20;
/// What was not written to for this time is abandoned.
const ABANDONED: Duration = Duration::from_secs(600);
const ENDING: &str = ".incomplete";

/// What has come of a content.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    /// The bytes so far.
    pub(super) length: u64,
    /// Whether some of them were written by another process than one of ours on this machine.
    pub(super) is_adopted: bool,
    /// The most it may have.
    most: u64,
    hash: Context,
}

/// Why bytes were not added or the whole is not taken.
pub(super) enum Unfit {
    /// More or fewer bytes, or others, than were claimed.
    Damaged(String),
    /// The disk refused.
    Unwritten(Unwritten),
}

impl From<Unwritten> for Unfit {
    fn from(fault: Unwritten) -> Self {
        Self::Unwritten(fault)
    }
}

/// Whose bytes a download begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Those of this machine's file, which no other process writes to.
    Own,
    /// Those of any file of the content.
    Any,
    /// None, in a file that no other process knows.
    Alone,
}

impl Partial {
    /// The bytes of the content `blob` that are there.
    pub(super) fn open(blob: &Path, claim: &Claim, start: Start) -> Result<Self, Unwritten> {
        let name = match start {
            Start::Alone => unique_name(&machine()),
            Start::Own | Start::Any => machine(),
        };
        let path = beside(blob, &format!(".{name}{ENDING}"));
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = opened.map_err(|cause| (path.clone(), cause))?;
        let most = claim.size.unwrap_or(UNSIZED);
        let hash = Context::new(&SHA256);
        let mut partial = Self { path, file, length: 0, is_adopted: false, most, hash };
        let length = partial.file.metadata().map_or(0, |metadata| metadata.len());
        // Without a known size, the partial file may be complete already.
        let is_kept = length > 0 && length < most && claim.size.is_some();
        if length > 0 && !(is_kept && partial.rehash().is_ok_and(|()| partial.length == length)) {
            partial.restart()?;
        }
        if start != Start::Own && claim.sha256().is_some() && claim.size.is_some() {
            partial.adopt(blob)?;
        }
        Ok(partial)
    }

    fn rehash(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.file.read(&mut buffer)? {
                0 => return Ok(()),
                count => {
                    self.hash.update(&buffer[..count]);
                    self.length += count as u64;
                }
            }
        }
    }

    /// Begins with the most that another process left, if that is more than what is there.
    fn adopt(&mut self, blob: &Path) -> Result<(), Unwritten> {
        let candidates = others(blob).filter(|other| *other != self.path);
        let sized = candidates.filter_map(|path| {
            let found = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
            let is_more = found.len() > self.length && found.len() < self.most;
            is_more.then_some((found.len(), path))
        });
        let Some((length, path)) = sized.max() else { return Ok(()) };
        let Ok(mut theirs) = File::open(&path).map(|file| file.take(length)) else { return Ok(()) };
        self.restart()?;
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = theirs.read(&mut buffer) {
            self.append(&buffer[..count])?;
        }
        self.is_adopted = self.length > 0;
        Ok(())
    }

    /// Forgets what has come.
    pub(super) fn restart(&mut self) -> Result<(), Unwritten> {
        self.file.set_len(0).map_err(|cause| (self.path.clone(), cause))?;
        (self.length, self.is_adopted) = (0, false);
        self.hash = Context::new(&SHA256);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Unwritten> {
        self.file.write_all(bytes).map_err(|cause| (self.path.clone(), cause))?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Adds bytes, and no more than were claimed.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        if self.length + bytes.len() as u64 > self.most {
            self.restart()?;
            let words = format!("the server sent more than the {} bytes it announced", self.most);
            return Err(Unfit::Damaged(words));
        }
        Ok(self.append(bytes)?)
    }

    /// Gives the content its name, if it is what was claimed; else forgets what cannot become it.
    pub(super) fn settle(&mut self, claim: &Claim, blob: &Path) -> Result<(), Unfit> {
        if let Some(size) = claim.size.filter(|size| *size != self.length) {
            return Err(Unfit::Damaged(format!("{} of {size} bytes arrived", self.length)));
        }
        if let Some(expected) = claim.sha256() {
            let found = hex(self.hash.clone().finish().as_ref());
            if !found.eq_ignore_ascii_case(expected) {
                match self.is_adopted {
                    true => self.restart()?,
                    false => drop(fs::remove_file(&self.path)),
                }
                let words = format!("its SHA-256 is {found}, but the hub gives {expected}");
                return Err(Unfit::Damaged(words));
            }
        }
        let named = self.file.sync_all().and_then(|()| fs::rename(&self.path, blob));
        named.map_err(|cause| (blob.to_owned(), cause))?;
        others(blob).filter(|other| is_abandoned(other)).for_each(|other| {
            let _ = fs::remove_file(other);
        });
        Ok(())
    }
}

/// The partial files of a content.
fn others(blob: &Path) -> impl Iterator<Item = PathBuf> {
    let name = blob.file_name().map(|name| name.to_string_lossy().into_owned());
    let files = blob.parent().map(fs::read_dir).into_iter().flatten().flatten().flatten();
    files.map(|entry| entry.path()).filter(move |path| {
        let found = path.file_name().map(|found| found.to_string_lossy().into_owned());
        let rest = found.as_deref().zip(name.as_deref()).and_then(|(f, n)| f.strip_prefix(n));
        rest.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(ENDING))
    })
}

fn is_abandoned(path: &Path) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|found| found.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED))
}

fn beside(blob: &Path, ending: &str) -> PathBuf {
    let mut name = blob.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    blob.with_file_name(name)
}

/// A short name of this machine since it was started, the same in all its containers, which share the
/// locks of the kernel.
pub(super) fn machine() -> String {
    let read = |name: &str| fs::read_to_string(Path::new("/proc/sys/kernel").join(name));
    let id = read("random/boot_id").or_else(|_| read("hostname")).unwrap_or_default();
    hex(&digest(&SHA256, id.as_bytes()).as_ref()[..4])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
