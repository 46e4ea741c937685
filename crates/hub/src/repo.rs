//! One repository of the hub: where it is on the server and in the cache, how it is asked for, and what
//! is said when that fails.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use ureq::http::Uri;

use crate::address::{Origin, quoted};
use crate::cache::{RepoCache, Unwritten};
use crate::client::{Client, Unanswered, end_of_bytes};
use crate::download::{Break, Fetched, Wanted, accepted};
use crate::error::HubError;
use crate::lock::{Awaited, Lock};
use crate::refusal::{Complaint, Reason, Refusal};
use crate::settings::{Access, HubSettings, Misset, Token, Waits, clean_token};
use crate::subject::{Kind, Subject};

/// The longest wait that a server may ask for: the real hub counts requests for five minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(310);
/// How often the processes that wait learn that this one lives.
const SIGN: Duration = Duration::from_secs(1);
/// No list of files is longer.
const LARGEST_LIST: u64 = 64 << 20;
/// The lock of the process that downloads what the cache lacks of a repository. Python has none.
const TURN: &str = "lockstep";

/// One repository.
pub(super) struct Repo<'a> {
    /// What it is.
    pub(super) subject: Subject,
    /// Its place in the cache.
    pub(super) cache: RepoCache,
    settings: &'a HubSettings,
    path: &'a Path,
    turn: Option<Lock>,
}

/// A page of a list, and the query of the next one.
pub(super) struct Page<T> {
    /// What it holds.
    pub(super) content: T,
    /// The query that gives the next one.
    pub(super) next: Option<String>,
}

impl<'a> Repo<'a> {
    /// The repository `id`.
    ///
    /// # Errors
    /// [`HubError::NoCache`].
    pub(super) fn of(kind: Kind, id: &str, settings: &'a HubSettings) -> Result<Self, HubError> {
        let subject = Subject { kind, id: id.into() };
        let Some(path) = settings.cache.as_deref() else {
            return Err(HubError::NoCache { subject });
        };
        let cache = RepoCache::new(path, &subject);
        Ok(Self { subject, cache, settings, path, turn: None })
    }

    /// Whether what the cache lacks can be fetched.
    pub(super) fn is_online(&self) -> bool {
        self.settings.is_online()
    }

    /// Waits until no other process downloads what the cache lacks of this repository.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub(super) fn take_turn(&mut self) -> Result<(), HubError> {
        let (what, folder) = (self.subject.to_string(), self.cache.blobs());
        let awaited = Awaited { what: &what, folder: &folder, patience: self.waits()?.patience };
        self.turn = awaited.turn(&self.cache.lock(TURN)).lock;
        Ok(())
    }

    /// What asks for `missing`.
    ///
    /// # Errors
    /// [`HubError::Offline`], or settings that cannot be used.
    pub(super) fn client(&self, missing: &str) -> Result<Client, HubError> {
        match self.settings.access {
            Access::Online => {}
            Access::Offline { variable } => {
                let (subject, cache) = (self.subject.clone(), self.path.to_owned());
                let missing = missing.to_owned();
                return Err(HubError::Offline { subject, cache, missing, variable });
            }
        }
        let endpoint = Origin::of(&self.address("")?).ok_or_else(|| self.no_endpoint())?;
        Ok(Client::new(endpoint, self.token(), self.waits()?))
    }

    fn waits(&self) -> Result<Waits, HubError> {
        Ok(self.settings.waits.clone()?)
    }

    fn token(&self) -> Option<String> {
        match &self.settings.token {
            Token::Given(token) => Some(token.clone()),
            Token::InFile(path) => clean_token(&fs::read_to_string(path).ok()?),
            Token::Absent => None,
        }
    }

    fn address(&self, path: &str) -> Result<Uri, HubError> {
        let text = format!("{}/{path}", self.settings.endpoint);
        text.parse().map_err(|_| self.no_endpoint())
    }

    fn no_endpoint(&self) -> HubError {
        let value = self.settings.endpoint.clone();
        let takes = "the address of a server without a user, such as https://huggingface.co";
        Misset { variable: "HF_ENDPOINT", value, takes }.into()
    }

    /// Fetches one file of a revision, unless its content is there; gives the revision that the
    /// server names.
    ///
    /// # Errors
    /// What kept it from coming.
    pub(super) fn download(
        &self,
        client: &Client,
        at: &At<'_>,
        file: &str,
    ) -> Result<Fetched<String>, HubError> {
        let Subject { kind, id } = &self.subject;
        let path = format!("{}{id}/resolve/{}/{}", kind.path(), at.revision, quoted(file, "/"));
        let wanted = Wanted {
            branch: at.branch,
            file,
            address: self.address(&path)?,
            client,
            cache: &self.cache,
            patience: self.waits()?.patience,
        };
        self.trying(file, || wanted.fetch())
    }

    /// Asks the hub's interface for a list of this repository.
    ///
    /// # Errors
    /// What kept it from coming.
    pub(super) fn list<T: DeserializeOwned>(
        &self,
        client: &Client,
        list: &str,
    ) -> Result<Fetched<Page<T>>, HubError> {
        let Subject { kind, id } = &self.subject;
        let address = self.address(&format!("api/{}{id}/{list}", kind.path()))?;
        self.trying("the list of files", || {
            let answer = match accepted(client.open(&address, 0)?)? {
                Fetched::Done(answer) => answer,
                Fetched::Refused(status, complaint) => {
                    return Ok(Fetched::Refused(status, complaint));
                }
            };
            let next = answer.next.and_then(|next| next.query().map(str::to_owned));
            let mut text = Vec::new();
            let mut body = answer.body.into_with_config().limit(LARGEST_LIST).reader();
            body.read_to_end(&mut text).map_err(|cause| Break::Damaged(end_of_bytes(&cause)))?;
            Ok(Fetched::Done(Page { content: parsed(&text)?, next }))
        })
    }

    /// Makes a request, again where another try may go better.
    fn trying<T>(&self, file: &str, request: impl Fn() -> Result<T, Break>) -> Result<T, HubError> {
        let Waits { tries, mut pause, .. } = self.waits()?;
        let mut left = tries;
        loop {
            let fault = match request() {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let wait = fault.after().map_or(pause, |after| after.max(pause));
            if left == 0 || !fault.may_pass() || wait > LONGEST_WAIT {
                return Err(self.broken(file, fault));
            }
            left -= 1;
            tracing::warn!(
                "the download of {file} of {} failed ({fault}); trying again in {} s",
                self.subject,
                wait.as_secs()
            );
            self.wait(wait);
            pause *= 2;
        }
    }

    fn wait(&self, wait: Duration) {
        let start = Instant::now();
        while let Some(rest) = wait.checked_sub(start.elapsed()).filter(|rest| !rest.is_zero()) {
            self.turn.iter().for_each(Lock::touch);
            std::thread::sleep(rest.min(SIGN));
        }
    }

    /// What is said of a request that the server refuses.
    pub(super) fn refused(&self, file: &str, status: u16, complaint: &Complaint) -> HubError {
        if !matches!(status, 401 | 403 | 404) {
            return self.broken(file, Break::Status { status, after: None });
        }
        let reason = Reason::of(status, complaint);
        let has_token = self.token().is_some();
        HubError::Refused {
            subject: self.subject.clone(),
            endpoint: self.settings.endpoint.clone(),
            status,
            refusal: Refusal { kind: self.subject.kind, reason, has_token },
        }
    }

    /// What is said of a file that did not come.
    fn broken(&self, file: &str, fault: Break) -> HubError {
        let (subject, endpoint) = (self.subject.clone(), self.settings.endpoint.clone());
        let file = file.to_owned();
        match fault {
            Break::Unwritten(fault) => self.unwritten(&file, fault),
            Break::Damaged(cause) => self.interrupted(&file, &cause),
            Break::Unanswered(
                fault @ (Unanswered::Redirect { .. } | Unanswered::NoHub | Unanswered::NoJson(_)),
            ) => HubError::Redirected { subject, endpoint, file, cause: fault.to_string() },
            Break::Status { status: 429, .. } => {
                HubError::Busy { subject, endpoint, file, cause: fault.to_string() }
            }
            fault => {
                let cache = self.path.to_owned();
                let cause = fault.to_string();
                HubError::Unreachable { subject, cache, endpoint, file, cause }
            }
        }
    }

    /// What is said of a disk that refuses.
    pub(super) fn unwritten(&self, file: &str, fault: Unwritten) -> HubError {
        let (path, cause) = fault;
        let (subject, file) = (self.subject.clone(), file.to_owned());
        HubError::Unwritten { subject, file, path, cause }
    }

    /// What is said of a file that did not arrive whole.
    pub(super) fn interrupted(&self, file: &str, cause: &str) -> HubError {
        HubError::Interrupted {
            subject: self.subject.clone(),
            endpoint: self.settings.endpoint.clone(),
            file: file.to_owned(),
            cause: cause.to_owned(),
        }
    }

    /// What is said of a model that lacks a file.
    pub(super) fn incomplete(&self, missing: &[&str]) -> HubError {
        HubError::Incomplete {
            subject: self.subject.clone(),
            endpoint: self.settings.endpoint.clone(),
            missing: missing.join(" and no "),
        }
    }
}

/// Where a file is taken from.
pub(super) struct At<'a> {
    /// The branch.
    pub(super) branch: &'a str,
    /// The branch again, or one of its revisions.
    pub(super) revision: &'a str,
}

fn parsed<T: DeserializeOwned>(text: &[u8]) -> Result<T, Break> {
    serde_json::from_slice(text).map_err(|cause| {
        let start: String = String::from_utf8_lossy(text).trim_start().chars().take(40).collect();
        match start.starts_with(['{', '[']) {
            true => Break::Damaged(format!("the list of files cannot be read: {cause}")),
            false => {
                let line = start.lines().next().unwrap_or_default().to_owned();
                Break::Unanswered(Unanswered::NoJson(line))
            }
        }
    })
}
