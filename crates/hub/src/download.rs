//! Brings the content of one file into the cache.
//!
//! The bytes that arrived before a break stay beside the content's place, and the download resumes
//! behind them. Content is there
//! under its name only when it is whole: of the size that was claimed, and of the hub's SHA-256 where
//! it gives one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};
use ureq::http::Uri;

use super::cache::{ModelCache, Unwritten, word};
use super::client::{Answer, Claim, Client, Unanswered};
use lockstep_host::progress::Progress;
use lockstep_host::streams;

/// What a file of unknown size may have: only small ones come without one.
const UNSIZED: u64 = 64 << 20;
/// Files from which on it is said that they come.
const LARGE: u64 = 8 << 20;
/// How often it is said how much has come.
const NEWS: Duration = Duration::from_secs(15);

/// What became of a file.
#[derive(Debug)]
pub(super) enum Fetched {
    /// It is in the cache.
    Done,
    /// The server's status says that there is none.
    Refused(u16),
}

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum Break {
    /// No server answered.
    #[error(transparent)]
    Unanswered(Unanswered),
    /// The server failed, which may pass.
    #[error("http status: {0}")]
    Status(u16),
    /// The content ended early, or is not the content that was claimed.
    #[error("{0}")]
    Damaged(String),
    /// The disk refused.
    #[error("{} cannot be written: {}", .0.0.display(), .0.1)]
    Unwritten(Unwritten),
}

impl From<Unanswered> for Break {
    fn from(fault: Unanswered) -> Self {
        match fault {
            Unanswered::Senseless(cause) => Self::Damaged(cause),
            fault => Self::Unanswered(fault),
        }
    }
}

impl From<Unwritten> for Break {
    fn from(fault: Unwritten) -> Self {
        Self::Unwritten(fault)
    }
}

impl Break {
    /// Whether another try may go better.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unanswered(fault) => fault.may_pass(),
            Self::Status(_) | Self::Damaged(_) => true,
            Self::Unwritten(_) => false,
        }
    }
}

/// A file to fetch.
pub(super) struct Wanted<'a> {
    /// Its name.
    pub(super) file: &'a str,
    /// Its address.
    pub(super) address: Uri,
    /// What asks.
    pub(super) client: &'a Client,
    /// Where it goes.
    pub(super) cache: &'a ModelCache,
}

impl Wanted<'_> {
    /// Fetches the file, unless its content is there.
    pub(super) fn fetch(&self) -> Result<Fetched, Break> {
        let answer = self.client.open(&self.address, 0)?;
        match answer.status {
            200 | 206 => {}
            429 | 500..=599 => return Err(Break::Status(answer.status)),
            status => return Ok(Fetched::Refused(status)),
        }
        let claim = answer.claim.clone();
        let name = |text: &Option<String>| text.as_deref().and_then(word).map(str::to_owned);
        let (Some(commit), Some(etag)) = (name(&claim.commit), name(&claim.etag)) else {
            return Err(Break::Unanswered(Unanswered::NoHub));
        };
        self.cache.prepare()?;
        if !is_whole(&self.cache.blob(&etag), &claim) {
            self.content(&etag, answer)?;
        }
        self.cache.link(&commit, self.file, &etag)?;
        Ok(Fetched::Done)
    }

    /// Fetches the content, or waits for the process that does.
    fn content(&self, etag: &str, answer: Answer) -> Result<(), Break> {
        let (lock, has_waited) = self.cache.lock(etag);
        let blob = self.cache.blob(etag);
        let claim = answer.claim.clone();
        if has_waited && is_whole(&blob, &claim) {
            return Ok(());
        }
        // Without a lock another process may write to the same partial file.
        let path = match lock {
            Some(_) => blob.with_file_name(format!("{etag}.incomplete")),
            None => blob.with_file_name(format!("{etag}.{}.incomplete", std::process::id())),
        };
        let mut partial = Partial::open(path, &claim)?;
        let answer = match has_waited || partial.length > 0 {
            true => self.reopen(&mut partial)?,
            false => answer,
        };
        if answer.claim.etag != claim.etag || answer.claim.size != claim.size {
            return Err(Break::Damaged("the file was changed while it was fetched".to_owned()));
        }
        partial.receive(answer, self.file)?;
        partial.settle(&claim, &blob)
    }

    /// The rest of a content, or all of it where the server gives no parts.
    fn reopen(&self, partial: &mut Partial) -> Result<Answer, Break> {
        let mut answer = self.client.open(&self.address, partial.length)?;
        if answer.status == 416 {
            partial.restart()?;
            answer = self.client.open(&self.address, 0)?;
        }
        if !matches!(answer.status, 200 | 206) {
            return Err(Break::Status(answer.status));
        }
        if answer.from != partial.length {
            partial.restart()?;
        }
        match answer.from == partial.length {
            true => Ok(answer),
            false => Err(Break::Damaged("another part came than was asked for".to_owned())),
        }
    }
}

fn is_whole(blob: &Path, claim: &Claim) -> bool {
    fs::metadata(blob)
        .is_ok_and(|found| found.is_file() && claim.size.is_none_or(|size| size == found.len()))
}

/// What has come of a content.
struct Partial {
    path: PathBuf,
    file: File,
    length: u64,
    /// The most it may have.
    most: u64,
    hash: Context,
}

impl Partial {
    fn open(path: PathBuf, claim: &Claim) -> Result<Self, Break> {
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = opened.map_err(|cause| (path.clone(), cause))?;
        let most = claim.size.unwrap_or(UNSIZED);
        let mut partial = Self { path, file, length: 0, most, hash: Context::new(&SHA256) };
        let length = partial.file.metadata().map_or(0, |metadata| metadata.len());
        // Without a known size, the partial file may be complete already.
        let is_kept = length > 0 && length < most && claim.size.is_some();
        if length > 0 && !(is_kept && partial.rehash().is_ok_and(|()| partial.length == length)) {
            partial.restart()?;
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

    fn restart(&mut self) -> Result<(), Break> {
        self.file.set_len(0).map_err(|cause| (self.path.clone(), cause))?;
        self.length = 0;
        self.hash = Context::new(&SHA256);
        Ok(())
    }

    /// Adds the bytes of an answer, and no more than were claimed.
    fn receive(&mut self, answer: Answer, name: &str) -> Result<(), Break> {
        let mut body = answer.body.into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 1 << 16];
        let mut news = News::of(name, answer.claim.size);
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(Break::Damaged(cause.to_string())),
            };
            if self.length + count as u64 > self.most {
                self.restart()?;
                return Err(Break::Damaged(format!(
                    "the server sent more than the {} bytes it announced",
                    self.most
                )));
            }
            let written = self.file.write_all(&buffer[..count]);
            written.map_err(|cause| (self.path.clone(), cause))?;
            self.hash.update(&buffer[..count]);
            self.length += count as u64;
            news.report(self.length);
        }
    }

    /// Gives the content its name, if it is what was claimed.
    fn settle(self, claim: &Claim, blob: &Path) -> Result<(), Break> {
        if let Some(size) = claim.size.filter(|size| *size != self.length) {
            return Err(Break::Damaged(format!("{} of {size} bytes arrived", self.length)));
        }
        if let Some(expected) = claim.sha256() {
            let found = self.hash.clone().finish();
            let found: String = found.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            if !found.eq_ignore_ascii_case(expected) {
                let _ = fs::remove_file(&self.path);
                let cause = format!("its SHA-256 is {found}, but the hub gives {expected}");
                return Err(Break::Damaged(cause));
            }
        }
        let named = self.file.sync_all().and_then(|()| fs::rename(&self.path, blob));
        Ok(named.map_err(|cause| (blob.to_owned(), cause))?)
    }
}

/// Prints from time to time how much of a large file has arrived.
struct News<'a> {
    name: &'a str,
    size: u64,
    last: Instant,
    bar: Option<Progress>,
}

impl<'a> News<'a> {
    fn of(name: &'a str, size: Option<u64>) -> Self {
        let size = size.filter(|size| *size >= LARGE).unwrap_or(0);
        if size > 0 {
            streams::print_error_line(format_args!("downloading {name} ({} MB)", size / 1_000_000));
        }
        let bar = (size > 0).then(|| Progress::of_bytes(name, size));
        Self { name, size, last: Instant::now(), bar }
    }

    fn report(&mut self, length: u64) {
        if let Some(bar) = &self.bar {
            bar.set(length);
        }
        let is_plain = self.bar.as_ref().is_some_and(Progress::is_hidden);
        if is_plain && self.last.elapsed() > NEWS {
            self.last = Instant::now();
            let percent = u128::from(length) * 100 / u128::from(self.size);
            streams::print_error_line(format_args!("downloading {}: {percent} %", self.name));
        }
    }
}
