//! Requests files and lists from the hub, and sends the token to the hub only.
//!
//! A file of the hub lies elsewhere more often than not, and where is said by a redirect. Redirects
//! are followed here, one request each, so that each request can be looked at before it is made: the
//! token goes to the scheme, host and port of the endpoint, wherever the way there led through.

use std::io;
use std::time::Duration;

use ureq::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LINK,
    LOCATION, RANGE, RETRY_AFTER,
};
use ureq::http::{HeaderMap, Uri};
use ureq::{Agent, Body, Timeout};

use super::address::{Origin, join};
use super::refusal::Complaint;
use super::settings::Waits;

/// More redirects than the hub and its stores ever make.
const MOST_REDIRECTS: usize = 10;

/// What asks.
pub(super) struct Client {
    agent: Agent,
    endpoint: Origin,
    token: Option<String>,
}

/// What the answers along the redirects say of a file; the first one counts, which is the hub's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claim {
    /// The revision.
    pub(super) commit: Option<String>,
    /// What names this content.
    pub(super) etag: Option<String>,
    /// Whether `etag` is that of the content itself, wherever it lies.
    is_linked: bool,
    /// Bytes of the whole file.
    pub(super) size: Option<u64>,
}

/// An answer whose body was not read yet.
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// What is known of the file.
    pub(super) claim: Claim,
    /// The place of the body's first byte in the file.
    pub(super) from: u64,
    /// What the server says about a failure.
    pub(super) complaint: Complaint,
    /// How long the server wants no other request.
    pub(super) after: Option<Duration>,
    /// Where the rest of a list is.
    pub(super) next: Option<Uri>,
    /// The bytes.
    pub(super) body: Body,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The network failed.
    #[error("{}", words(.0))]
    Network(#[from] ureq::Error),
    /// A redirect that is not followed.
    #[error("it redirects to {to}, {why}")]
    Redirect {
        /// Where it leads.
        to: String,
        /// Why it is not followed.
        why: &'static str,
    },
    /// A server of something else.
    #[error("its answer has no revision of the file (x-repo-commit, etag), so it is not a hub")]
    NoHub,
    /// A page for people where data were asked for.
    #[error("its answer is not JSON (it begins with `{0}`), so it is not a hub")]
    NoJson(String),
    /// An answer that contradicts itself.
    #[error("{0}")]
    Senseless(String),
}

/// What the network says, with what sets its limits of time.
fn words(cause: &ureq::Error) -> String {
    match cause {
        ureq::Error::Timeout(Timeout::PerRead | Timeout::RecvBody) => {
            "no bytes arrived in time (HF_HUB_DOWNLOAD_TIMEOUT sets how many seconds)".to_owned()
        }
        ureq::Error::Timeout(_) => {
            "the server did not answer in time (HF_HUB_ETAG_TIMEOUT sets how many seconds)"
                .to_owned()
        }
        other => other.to_string(),
    }
}

/// What ended the bytes of an answer.
pub(super) fn end_of_bytes(cause: &io::Error) -> String {
    let of_network = cause.get_ref().and_then(|cause| cause.downcast_ref());
    of_network.map_or_else(|| cause.to_string(), words)
}

impl Unanswered {
    /// Whether another try may succeed: not where the server cannot be reached at all.
    pub(super) fn may_pass(&self) -> bool {
        use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Self::Network(ureq::Error::Timeout(_)) => true,
            Self::Network(ureq::Error::Io(cause)) => {
                [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof]
                    .contains(&cause.kind())
            }
            _ => false,
        }
    }
}

impl Client {
    /// A client of the endpoint, which is an address of the web.
    pub(super) fn new(endpoint: Origin, token: Option<String>, waits: Waits) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(waits.answer))
            .timeout_connect(Some(waits.answer))
            .timeout_recv_response(Some(waits.answer))
            .timeout_per_read(Some(waits.bytes.max(Duration::from_millis(1))))
            .build()
            .new_agent();
        Self { agent, endpoint, token }
    }

    /// The file at `address` from byte `from` on.
    ///
    /// # Errors
    /// [`Unanswered`] when no server answers, or a redirect is refused.
    pub(super) fn open(&self, address: &Uri, from: u64) -> Result<Answer, Unanswered> {
        let mut address = address.clone();
        let mut claim = Claim::default();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.ask(&address, from)?;
            let status = response.status().as_u16();
            claim.hear(response.headers(), self.is_endpoint(&address));
            match (status, text(response.headers(), LOCATION.as_str())) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => {
                    address = next(&address, location)?;
                }
                _ => {
                    let (head, body) = response.into_parts();
                    let answer = answer(claim, status, &head, body)?;
                    let next = text(&head.headers, LINK.as_str()).and_then(next_page);
                    return Ok(Answer { next: next.and_then(|to| join(&address, to)), ..answer });
                }
            }
        }
        let why = "after more redirects than any hub makes";
        Err(Unanswered::Redirect { to: address.to_string(), why })
    }

    fn ask(&self, address: &Uri, from: u64) -> Result<ureq::http::Response<Body>, ureq::Error> {
        let mut request = self.agent.get(address.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = self.token.as_ref().filter(|_| self.is_endpoint(address)) {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        request.call()
    }

    fn is_endpoint(&self, address: &Uri) -> bool {
        Origin::of(address).as_ref() == Some(&self.endpoint)
    }
}

/// Where a redirect leads, if it may be followed.
pub(super) fn next(here: &Uri, location: &str) -> Result<Uri, Unanswered> {
    let refused = |to: &str, why| {
        // The query of an address may hold a signature, which must not be shown.
        let to = to.split(['?', '#']).next().unwrap_or_default();
        Unanswered::Redirect { to: to.chars().take(200).collect(), why }
    };
    let no_address = "which is not the address of a file on the web";
    let there = join(here, location).ok_or_else(|| refused(location, no_address))?;
    let to = there.to_string();
    let origin = Origin::of(&there).ok_or_else(|| refused(&to, no_address))?;
    let was_encrypted = Origin::of(here).is_some_and(|origin| origin.is_encrypted());
    if was_encrypted && !origin.is_encrypted() {
        return Err(refused(&to, "which is not encrypted, although the request was"));
    }
    Ok(there)
}

impl Claim {
    fn hear(&mut self, headers: &HeaderMap, is_endpoint: bool) {
        let heard = |name| text(headers, name).map(str::to_owned);
        self.commit = self.commit.take().or_else(|| heard("x-repo-commit"));
        self.size = self.size.or_else(|| text(headers, "x-linked-size")?.parse().ok());
        match (heard("x-linked-etag"), heard(ETAG.as_str())) {
            _ if self.is_linked => {}
            (Some(etag), _) => (self.etag, self.is_linked) = (Some(etag), true),
            // That of a redirect within the hub is of the redirect itself.
            (None, Some(etag)) if is_endpoint || self.etag.is_none() => self.etag = Some(etag),
            (None, _) => {}
        }
    }

    /// The SHA-256 of the content, where the hub gives it: of large files it does.
    pub(super) fn sha256(&self) -> Option<&str> {
        let etag = self.etag.as_deref().filter(|_| self.is_linked)?;
        let etag = etag.trim_start_matches("W/").trim_matches('"');
        let is_hex = etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then_some(etag)
    }
}

/// The last answer, with what its own head says of the file's size.
fn answer(
    mut claim: Claim,
    status: u16,
    head: &ureq::http::response::Parts,
    body: Body,
) -> Result<Answer, Unanswered> {
    let headers = &head.headers;
    if let Some(encoding) = text(headers, CONTENT_ENCODING.as_str())
        && !encoding.eq_ignore_ascii_case("identity")
    {
        let why = format!("it sent the file compressed ({encoding}), which was not requested");
        return Err(Unanswered::Senseless(why));
    }
    let (from, total) = match status {
        206 => {
            let range = text(headers, CONTENT_RANGE.as_str()).and_then(range);
            let senseless =
                || Unanswered::Senseless("it sent a part of the file without its range".to_owned());
            range.map(|(from, total)| (from, Some(total))).ok_or_else(senseless)?
        }
        200 => (0, text(headers, CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok())),
        _ => (0, None),
    };
    match (claim.size, total) {
        (Some(claimed), Some(total)) if claimed != total => {
            return Err(Unanswered::Senseless(format!(
                "the server announced {claimed} bytes, then {total}"
            )));
        }
        (claimed, total) => claim.size = claimed.or(total),
    }
    let said = |name| text(headers, name).unwrap_or_default().chars().take(300).collect();
    let complaint = Complaint { code: said("x-error-code"), words: said("x-error-message") };
    Ok(Answer { status, claim, from, body, complaint, after: after(headers), next: None })
}

/// How long a server wants no other request: `Retry-After: 55` of any server, and of the real hub
/// `RateLimit: "resolvers";r=0;t=55`, whose seconds are rounded down.
fn after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |text: &str| text.trim().parse::<u32>().ok();
    let limit = text(headers, "ratelimit").and_then(|limit| {
        let value = |name| limit.split(';').find_map(|part| part.trim().strip_prefix(name));
        (seconds(value("r=")?)? == 0).then(|| seconds(value("t=")?))?.map(|t| t.saturating_add(1))
    });
    let given = || text(headers, RETRY_AFTER.as_str()).and_then(seconds);
    limit.or_else(given).map(|seconds| Duration::from_secs(seconds.into()))
}

/// The address in `<https://…>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (address, relation) = link.trim().strip_prefix('<')?.split_once('>')?;
    relation.replace([' ', '"'], "").contains("rel=next").then_some(address)
}

/// First byte and size of `bytes 5-9/10`.
fn range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()?))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
