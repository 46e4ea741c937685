//! Why a model or a data set could not be found or downloaded, and the remedy.

use std::io;
use std::path::PathBuf;

use lockstep_host::ExitCode;
use lockstep_weights_index::IndexError;
use thiserror::Error;

use crate::refusal::Refusal;
use crate::settings::Misset;
use crate::splits::SplitFault;
use crate::subject::{FILES, Kind, Subject};

/// Why a model or a data set could not be had.
#[derive(Debug, Error)]
pub enum HubError {
    /// A path to something that is not there.
    #[error(
        "the model `{name}` cannot be found: there is no directory of that name, \
         and it is not a hub id (`name` or `owner/name`)\n  \
         hint: pass a directory that holds {FILES}, a hub id such as distilbert-base-uncased, \
         or builtin:tiny"
    )]
    NoDirectory {
        /// What was asked for.
        name: String,
    },
    /// A path to a file.
    #[error(
        "the model `{name}` is a file\n  hint: pass the directory that holds {FILES}, or a hub id"
    )]
    IsFile {
        /// What was asked for.
        name: String,
    },
    /// The name of a data set that cannot be one of the hub's.
    #[error(
        "`{name}` is not the name of a data set on the hub\n  hint: write `owner/name` or `name`, of \
         letters, digits, `-`, `_` and `.`"
    )]
    NoId {
        /// What was asked for.
        name: String,
    },
    /// There is no directory for a cache.
    #[error(
        "{subject} is a hub id, and there is no directory for downloaded files\n  \
         hint: set HF_HOME to a writable directory, or {}", subject.instead()
    )]
    NoCache {
        /// What was asked for.
        subject: Subject,
    },
    /// The cache is incomplete and the network was forbidden.
    #[error(
        "{} {}: {missing} is missing, and {}{}",
        subject.absent(), cache.display(), ban(*variable), subject.by_hand()
    )]
    Offline {
        /// What was asked for.
        subject: Subject,
        /// The cache.
        cache: PathBuf,
        /// What of it is needed.
        missing: String,
        /// The variable that forbids the network; nothing where the command does not use it.
        variable: Option<&'static str>,
    },
    /// A variable with an invalid value.
    #[error(transparent)]
    Misset(#[from] Misset),
    /// The weights are in several files, and which is not to be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The hub does not answer.
    #[error(
        "{} {}, and {file} cannot be downloaded from {endpoint}: {cause}\n  \
         hint: check the network (HF_ENDPOINT names the server), or {}",
        subject.absent(), cache.display(), subject.by_hand()
    )]
    Unreachable {
        /// What was asked for.
        subject: Subject,
        /// The cache.
        cache: PathBuf,
        /// The server.
        endpoint: String,
        /// The file that was asked for.
        file: String,
        /// The network's words.
        cause: String,
    },
    /// The hub answers too many requests, and does not want another soon.
    #[error(
        "{file} of {subject} cannot be downloaded from {endpoint}: {cause}\n  \
         hint: run the command again later; the hub allows more requests with a token (HF_TOKEN)"
    )]
    Busy {
        /// What was asked for.
        subject: Subject,
        /// The server.
        endpoint: String,
        /// The file that was asked for.
        file: String,
        /// What it answers.
        cause: String,
    },
    /// The hub refuses.
    #[error(
        "{} {endpoint} answers {status}: {refusal}\n  hint: {}",
        subject.asked(), refusal.hint(endpoint, &subject.id)
    )]
    Refused {
        /// What was asked for.
        subject: Subject,
        /// The server.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// Why.
        refusal: Refusal,
    },
    /// The model lacks a file we need.
    #[error(
        "{subject} on {endpoint} has no {missing}\n  \
         hint: choose a DistilBERT, BERT or RoBERTa model that has {FILES}"
    )]
    Incomplete {
        /// What was asked for.
        subject: Subject,
        /// The server.
        endpoint: String,
        /// The files of which one is needed.
        missing: String,
    },
    /// The data set has no such split in Parquet files.
    #[error("{0} {1}")]
    NoSplit(Subject, SplitFault),
    /// A file did not arrive whole.
    #[error(
        "the download of {file} of {subject} from {endpoint} failed: {cause}\n  \
         hint: run the command again to continue the download, or {}",
        subject.by_hand()
    )]
    Interrupted {
        /// What was asked for.
        subject: Subject,
        /// The server.
        endpoint: String,
        /// The file.
        file: String,
        /// What happened.
        cause: String,
    },
    /// The hub redirects to a refused address, or is not a hub.
    #[error(
        "{file} of {subject} cannot be downloaded from {endpoint}: {cause}\n  \
         hint: check HF_ENDPOINT, which names the server, or {}",
        subject.by_hand()
    )]
    Redirected {
        /// What was asked for.
        subject: Subject,
        /// The server.
        endpoint: String,
        /// The file.
        file: String,
        /// Where it sends, and why that is refused.
        cause: String,
    },
    /// The cache cannot be written.
    #[error(
        "{file} of {subject} cannot be stored: {} cannot be written: {cause}\n  \
         hint: {}; HF_HOME sets another directory for the cache",
        path.display(), room(cause)
    )]
    Unwritten {
        /// What was asked for.
        subject: Subject,
        /// The file.
        file: String,
        /// What could not be written.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// The repository was changed while its files were fetched.
    #[error("{subject} was changed on the hub during the download; run the command again")]
    Changed {
        /// What was asked for.
        subject: Subject,
    },
}

impl HubError {
    /// The exit code of this failure.
    #[must_use]
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Misset(_) | Self::NoId { .. } => ExitCode::Usage,
            Self::Unwritten { .. } => ExitCode::Failed,
            Self::NoSplit(..) => ExitCode::Data,
            other => match other.kind() {
                Kind::Model => ExitCode::Checkpoint,
                Kind::DataSet => ExitCode::Data,
            },
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NoCache { subject }
            | Self::Offline { subject, .. }
            | Self::Unreachable { subject, .. }
            | Self::Busy { subject, .. }
            | Self::Refused { subject, .. }
            | Self::Incomplete { subject, .. }
            | Self::Interrupted { subject, .. }
            | Self::Redirected { subject, .. }
            | Self::Unwritten { subject, .. }
            | Self::Changed { subject }
            | Self::NoSplit(subject, _) => subject.kind,
            Self::NoDirectory { .. }
            | Self::IsFile { .. }
            | Self::NoId { .. }
            | Self::Misset(_)
            | Self::Index(_) => Kind::Model,
        }
    }
}

fn room(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space and run the command again, which continues the download"
        }
        _ => "check its permissions",
    }
}

/// Why nothing is downloaded, and the hint's beginning.
fn ban(variable: Option<&str>) -> String {
    match variable {
        Some(name) => format!("{name} forbids downloads\n  hint: unset {name}, or "),
        None => "this command downloads nothing\n  hint: ".to_owned(),
    }
}
