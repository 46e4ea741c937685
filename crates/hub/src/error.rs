//! Why a model could not be found or downloaded, and the remedy.

use std::io;
use std::path::PathBuf;

use lockstep_host::ExitCode;
use lockstep_weights_index::IndexError;
use thiserror::Error;

use crate::settings::Misset;

/// Why a model could not be had.
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
    /// There is no directory for a cache.
    #[error(
        "the model `{id}` is a hub id, and there is no directory for downloaded files\n  \
         hint: set HF_HOME to a writable directory, or pass a directory to --model"
    )]
    NoCache {
        /// The hub id.
        id: String,
    },
    /// The cache is incomplete and the network was forbidden.
    #[error(
        "the model `{id}` is neither a directory nor complete in the cache {}: {} is missing, \
         and {}{}",
        cache.display(), missing.join(" or "), ban(*variable), by_hand(id)
    )]
    Offline {
        /// The hub id.
        id: String,
        /// The cache.
        cache: PathBuf,
        /// The files of which one is needed.
        missing: &'static [&'static str],
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
        "the model `{id}` is neither a directory nor complete in the cache {}, \
         and {file} cannot be downloaded from {endpoint}: {cause}\n  \
         hint: check the network (HF_ENDPOINT names the server), or {}",
        cache.display(), by_hand(id)
    )]
    Unreachable {
        /// The hub id.
        id: String,
        /// The cache.
        cache: PathBuf,
        /// The server.
        endpoint: String,
        /// The file that was asked for.
        file: String,
        /// The network's words.
        cause: String,
    },
    /// The hub answers that the model does not exist or is private.
    #[error(
        "the model `{id}` is not a directory, and {endpoint} answers {status}: the model does not exist, \
         or it is private\n  \
         hint: check the spelling; for a private model set HF_TOKEN or run `hf auth login`; for a \
         directory pass its path"
    )]
    Refused {
        /// The hub id.
        id: String,
        /// The server.
        endpoint: String,
        /// The HTTP status.
        status: u16,
    },
    /// The model lacks a file we need.
    #[error(
        "the model `{id}` on {endpoint} has no {}\n  hint: choose a DistilBERT, BERT or RoBERTa model that has {FILES}",
        missing.join(" and no ")
    )]
    Incomplete {
        /// The hub id.
        id: String,
        /// The server.
        endpoint: String,
        /// The files of which one is needed.
        missing: &'static [&'static str],
    },
    /// A file did not arrive whole.
    #[error(
        "the download of {file} of the model `{id}` from {endpoint} failed: {cause}\n  \
         hint: run the command again to continue the download, or {}",
        by_hand(id)
    )]
    Interrupted {
        /// The hub id.
        id: String,
        /// The server.
        endpoint: String,
        /// The file.
        file: String,
        /// What happened.
        cause: String,
    },
    /// The hub redirects to a refused address.
    #[error(
        "{file} of the model `{id}` cannot be downloaded from {endpoint}: {cause}\n  \
         hint: check HF_ENDPOINT, which names the server, or {}",
        by_hand(id)
    )]
    Redirected {
        /// The hub id.
        id: String,
        /// The server.
        endpoint: String,
        /// The file.
        file: String,
        /// Where it sends, and why that is refused.
        cause: String,
    },
    /// The cache cannot be written.
    #[error(
        "{file} of the model `{id}` cannot be stored: {} cannot be written: {cause}\n  \
         hint: {}; HF_HOME sets another directory for the cache",
        path.display(), room(cause)
    )]
    Unwritten {
        /// The hub id.
        id: String,
        /// The file.
        file: String,
        /// What could not be written.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// The model was changed while its files were fetched.
    #[error("the model `{id}` was changed on the hub during the download; run the command again")]
    Changed {
        /// The hub id.
        id: String,
    },
}

const FILES: &str = "config.json, model.safetensors (or pytorch_model.bin), \
                     tokenizer.json (or vocab.txt) and tokenizer_config.json";

impl HubError {
    /// The exit code of this failure.
    #[must_use]
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Misset(_) => ExitCode::Usage,
            Self::Unwritten { .. } => ExitCode::Failed,
            _ => ExitCode::Checkpoint,
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

fn by_hand(id: &str) -> String {
    format!(
        "download {FILES} from \
         https://huggingface.co/{id}/tree/main into a directory DIR, and pass --model DIR"
    )
}
