//! Brings the content of one file into the cache.
//!
//! The bytes that arrived before a break stay beside the content's place, and the download resumes
//! behind them. Content is there under its name only when it is whole: of the size that was claimed, and
//! of the hub's SHA-256 where it gives one.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use lockstep_host::progress::Progress;
use lockstep_host::streams;
use ureq::http::Uri;

use super::cache::{Link, RepoCache, Unwritten, word};
use super::client::{Answer, Claim, Client, Unanswered, end_of_bytes};
use super::lock::Awaited;
use super::partial::{Partial, Start, Unfit};
use super::refusal::Complaint;

/// Files from which on it is said that they come.
const LARGE: u64 = 8 << 20;
/// How often it is said how much has come.
const NEWS: Duration = Duration::from_secs(15);

/// What became of a request.
#[derive(Debug)]
pub(super) enum Fetched<T> {
    /// It was answered.
    Done(T),
    /// The server's status says that there is nothing, or nothing for us.
    Refused(u16, Complaint),
}

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum Break {
    /// No server answered.
    #[error(transparent)]
    Unanswered(Unanswered),
    /// The server failed, which may pass.
    #[error("http status: {status}{}", wish(*after))]
    Status {
        /// The status.
        status: u16,
        /// How long the server wants no other request.
        after: Option<Duration>,
    },
    /// The content ended early, or is not the content that was claimed.
    #[error("{0}")]
    Damaged(String),
    /// The disk refused.
    #[error("{} cannot be written: {}", .0.0.display(), .0.1)]
    Unwritten(Unwritten),
}

fn wish(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |after| {
        format!(" (too many requests); it allows the next one in {} s", after.as_secs())
    })
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

impl From<Unfit> for Break {
    fn from(fault: Unfit) -> Self {
        match fault {
            Unfit::Damaged(words) => Self::Damaged(words),
            Unfit::Unwritten(fault) => Self::Unwritten(fault),
        }
    }
}

impl Break {
    /// Whether another try may go better.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unanswered(fault) => fault.may_pass(),
            Self::Status { .. } | Self::Damaged(_) => true,
            Self::Unwritten(_) => false,
        }
    }

    /// How long the server wants no other request.
    pub(super) fn after(&self) -> Option<Duration> {
        match self {
            Self::Status { after, .. } => *after,
            _ => None,
        }
    }
}

/// The answer, unless the server fails for the moment or refuses.
pub(super) fn accepted(answer: Answer) -> Result<Fetched<Answer>, Break> {
    match answer.status {
        200 | 206 => Ok(Fetched::Done(answer)),
        status @ (408 | 429 | 500..=599) => Err(Break::Status { status, after: answer.after }),
        status => Ok(Fetched::Refused(status, answer.complaint)),
    }
}

/// A file to fetch.
pub(super) struct Wanted<'a> {
    /// Its branch.
    pub(super) branch: &'a str,
    /// Its name.
    pub(super) file: &'a str,
    /// Its address.
    pub(super) address: Uri,
    /// What asks.
    pub(super) client: &'a Client,
    /// Where it goes.
    pub(super) cache: &'a RepoCache,
    /// How long another process that fetches it may show no sign of life.
    pub(super) patience: Duration,
}

impl Wanted<'_> {
    /// Fetches the file, unless its content is there; gives its revision.
    pub(super) fn fetch(&self) -> Result<Fetched<String>, Break> {
        let answer = match accepted(self.client.open(&self.address, 0)?)? {
            Fetched::Done(answer) => answer,
            Fetched::Refused(status, complaint) => return Ok(Fetched::Refused(status, complaint)),
        };
        let claim = answer.claim.clone();
        let name = |text: &Option<String>| text.as_deref().and_then(word).map(str::to_owned);
        let (Some(commit), Some(etag)) = (name(&claim.commit), name(&claim.etag)) else {
            return Err(Break::Unanswered(Unanswered::NoHub));
        };
        self.cache.prepare()?;
        let blob = self.cache.blobs().join(&etag);
        if !is_whole(&blob, &claim) {
            self.content(&etag, &blob, answer)?;
        }
        let (branch, file) = (self.branch, self.file);
        self.cache.link(&Link { branch, commit: &commit, file, etag: &etag })?;
        Ok(Fetched::Done(commit))
    }

    /// Fetches the content, or waits for the process that does.
    fn content(&self, etag: &str, blob: &Path, answer: Answer) -> Result<(), Break> {
        let folder = self.cache.blobs();
        let awaited = Awaited { what: self.file, folder: &folder, patience: self.patience };
        let turn = awaited.turn(&self.cache.lock(etag));
        let claim = answer.claim.clone();
        if turn.has_waited && is_whole(blob, &claim) {
            return Ok(());
        }
        // Without a lock another process may write to this machine's file.
        let start = if turn.lock.is_some() { Start::Any } else { Start::Alone };
        let mut partial = Partial::open(blob, &claim, start)?;
        let answer = match turn.has_waited || partial.length > 0 {
            true => self.reopen(&mut partial, &claim)?,
            false => answer,
        };
        self.receive(&mut partial, answer)?;
        let (is_adopted, settled) = (partial.is_adopted, partial.settle(&claim, blob));
        match settled {
            // The bytes of another process were wrong, or not the first ones.
            Err(Unfit::Damaged(_)) if is_adopted && partial.length == 0 => {
                let answer = self.reopen(&mut partial, &claim)?;
                self.receive(&mut partial, answer)?;
                Ok(partial.settle(&claim, blob)?)
            }
            settled => Ok(settled?),
        }
    }

    /// The rest of a content, or all of it where the server gives no parts.
    fn reopen(&self, partial: &mut Partial, claim: &Claim) -> Result<Answer, Break> {
        let mut answer = self.client.open(&self.address, partial.length)?;
        if answer.status == 416 {
            partial.restart()?;
            answer = self.client.open(&self.address, 0)?;
        }
        let status = answer.status;
        let Fetched::Done(answer) = accepted(answer)? else {
            return Err(Break::Status { status, after: None });
        };
        if answer.claim.etag != claim.etag || answer.claim.size != claim.size {
            return Err(Break::Damaged("the file was changed during the download".to_owned()));
        }
        if answer.from != partial.length {
            partial.restart()?;
        }
        match answer.from == partial.length {
            true => Ok(answer),
            false => Err(Break::Damaged("another part came than was asked for".to_owned())),
        }
    }

    /// Adds the bytes of an answer.
    fn receive(&self, partial: &mut Partial, answer: Answer) -> Result<(), Break> {
        let mut news = News::of(self.file, answer.claim.size, partial.length);
        let mut body = answer.body.into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => partial.receive(&buffer[..count])?,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(Break::Damaged(end_of_bytes(&cause))),
            }
            news.report(partial.length);
        }
    }
}

fn is_whole(blob: &Path, claim: &Claim) -> bool {
    fs::metadata(blob)
        .is_ok_and(|found| found.is_file() && claim.size.is_none_or(|size| size == found.len()))
}

/// Prints from time to time how much of a large file has arrived.
struct News<'a> {
    name: &'a str,
    size: u64,
    last: Instant,
    bar: Option<Progress>,
}

impl<'a> News<'a> {
    fn of(name: &'a str, size: Option<u64>, length: u64) -> Self {
        let size = size.filter(|size| *size >= LARGE).unwrap_or(0);
        let megabytes = |bytes: u64| bytes / 1_000_000;
        if size > 0 {
            let rest = match length {
                0 => String::new(),
                _ => format!(", resumed behind {} MB", megabytes(length)),
            };
            let size = megabytes(size);
            streams::print_notice(format_args!("downloading {name} ({size} MB{rest})"));
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
            streams::print_notice(format_args!("downloading {}: {percent} %", self.name));
        }
    }
}
