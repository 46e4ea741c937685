//! What is looked for on the hub: a model or a data set, in its words.

use std::fmt;

/// What a repository of the hub holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A model.
    Model,
    /// A data set.
    DataSet,
}

impl Kind {
    /// What messages call it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::DataSet => "data set",
        }
    }

    /// What its addresses have before its id.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Model => "",
            Self::DataSet => "datasets/",
        }
    }

    /// What its folder in the cache begins with.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Model => "models--",
            Self::DataSet => "datasets--",
        }
    }
}

/// A repository of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What it holds.
    pub kind: Kind,
    /// `owner/name` or `name`.
    pub id: Box<str>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}`", self.kind.noun(), self.id)
    }
}

/// What a model's directory holds.
pub(crate) const FILES: &str = "config.json, model.safetensors (or pytorch_model.bin), \
                                tokenizer.json (or vocab.txt) and tokenizer_config.json";

impl Subject {
    /// The beginning of a sentence that says what the hub answers.
    pub(crate) fn asked(&self) -> String {
        match self.kind {
            Kind::Model => format!("{self} is not a directory, and"),
            Kind::DataSet => format!("{self} cannot be downloaded:"),
        }
    }

    /// The beginning of a sentence that says what the cache lacks.
    pub(crate) fn absent(&self) -> String {
        match self.kind {
            Kind::Model => format!("{self} is neither a directory nor complete in the cache"),
            Kind::DataSet => format!("{self} is not complete in the cache"),
        }
    }

    /// How it is had without this program.
    pub(crate) fn by_hand(&self) -> String {
        let Self { kind, id } = self;
        match kind {
            Kind::Model => format!(
                "download {FILES} from https://huggingface.co/{id}/tree/main into a directory DIR, \
                 and pass --model DIR"
            ),
            Kind::DataSet => format!(
                "download its Parquet files from https://huggingface.co/datasets/{id}, and pass \
                 their paths"
            ),
        }
    }

    /// What to pass instead where nothing can be downloaded.
    pub(crate) fn instead(&self) -> &'static str {
        match self.kind {
            Kind::Model => "pass a directory to --model",
            Kind::DataSet => "pass files",
        }
    }
}
