//! Why a hub refuses a repository, as far as its answer tells.
//!
//! The status alone tells little: the real hub answers 401 also for what does not exist, so that it
//! does not reveal what is private. `x-error-code` and `x-error-message` say more; a mirror may lack
//! them.

use std::fmt;

use crate::subject::Kind;

/// What the head of an answer says about a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// `x-error-code`.
    pub(crate) code: String,
    /// `x-error-message`.
    pub(crate) words: String,
}

/// Why a repository is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is not there, or not for everyone.
    Absent,
    /// The token is not one of the server's.
    BadToken,
    /// Its owner grants access to those who ask for it.
    Gated,
    /// The hub took it down.
    Disabled,
    /// The token may not read it.
    Forbidden,
    /// It has no branch of the name.
    NoBranch,
}

/// The refusal of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked for.
    pub(crate) kind: Kind,
    /// Why it is refused.
    pub(crate) reason: Reason,
    /// Whether a token was sent.
    pub(crate) has_token: bool,
}

impl Reason {
    /// The reason of an answer with this status.
    pub(crate) fn of(status: u16, complaint: &Complaint) -> Self {
        let has_bad_token = complaint.words.starts_with("Invalid credentials")
            || complaint.words.starts_with("Invalid username or password")
            || complaint.words.starts_with("User Access Token");
        match (status, &*complaint.code) {
            (_, "GatedRepo") => Self::Gated,
            (_, "RevisionNotFound") => Self::NoBranch,
            (_, "RepoNotFound") => Self::Absent,
            (403, _) if complaint.words.contains("is disabled") => Self::Disabled,
            (403, _) => Self::Forbidden,
            (401, _) if has_bad_token => Self::BadToken,
            _ => Self::Absent,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = self.kind.noun();
        match self.reason {
            Reason::Absent => write!(f, "the {noun} does not exist, or it is private"),
            Reason::BadToken => f.write_str("the token is not valid"),
            Reason::Gated if self.has_token => write!(
                f,
                "access to the {noun} is restricted, and the token's account was not granted it"
            ),
            Reason::Gated => {
                write!(f, "access to the {noun} is restricted, and no token was sent")
            }
            Reason::Disabled => write!(f, "access to the {noun} is disabled for everyone"),
            Reason::Forbidden => write!(f, "the token may not read the {noun}"),
            Reason::NoBranch => write!(f, "the {noun} has no branch `main`"),
        }
    }
}

impl Refusal {
    /// What to do about the refusal of `id` by `endpoint`.
    pub(crate) fn hint(&self, endpoint: &str, id: &str) -> String {
        let (noun, path) = (self.kind.noun(), self.kind.path());
        let instead = match self.kind {
            Kind::Model => "for a directory pass its path",
            Kind::DataSet => "for files pass their paths",
        };
        match self.reason {
            Reason::Absent => format!(
                "check the spelling; set HF_TOKEN or run `hf auth login` for a private {noun}; \
                 {instead}"
            ),
            Reason::BadToken => format!(
                "set HF_TOKEN to a valid token or run `hf auth login`; for a public {noun} unset \
                 HF_TOKEN"
            ),
            Reason::Gated => format!(
                "ask for access at {endpoint}/{path}{id}, then set HF_TOKEN to a token of that \
                 account or run `hf auth login`"
            ),
            Reason::Disabled => format!("choose another {noun}"),
            Reason::Forbidden => format!(
                "give the token the permission to read {id} (a fine-grained token names what it \
                 may read), or set HF_TOKEN to another one"
            ),
            Reason::NoBranch => format!("choose another {noun}, or create the branch on the hub"),
        }
    }
}
